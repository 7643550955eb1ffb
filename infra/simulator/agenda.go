package simulator

import (
	"container/heap"
	"time"
)

// agenda is what is going to happen, earliest first; of two things at one time
// the one that was planned first.
type agenda struct {
	items  items
	number int
}

type item struct {
	at     time.Time
	number int
	happen func(at time.Time)
}

func (a *agenda) add(at time.Time, happen func(at time.Time)) {
	a.number++
	heap.Push(&a.items, item{at: at, number: a.number, happen: happen})
}

func (a *agenda) peek() (time.Time, bool) {
	if len(a.items) == 0 {
		return time.Time{}, false
	}
	return a.items[0].at, true
}

func (a *agenda) take() (time.Time, func(time.Time)) {
	next := heap.Pop(&a.items).(item)
	return next.at, next.happen
}

type items []item

func (i items) Len() int { return len(i) }
func (i items) Less(a, b int) bool {
	if !i[a].at.Equal(i[b].at) {
		return i[a].at.Before(i[b].at)
	}
	return i[a].number < i[b].number
}
func (i items) Swap(a, b int) { i[a], i[b] = i[b], i[a] }
func (i *items) Push(x any)   { *i = append(*i, x.(item)) }
func (i *items) Pop() any {
	last := (*i)[len(*i)-1]
	*i = (*i)[:len(*i)-1]
	return last
}
