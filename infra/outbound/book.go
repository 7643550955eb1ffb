package outbound

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"dossierledger/domain/delivery"
	"dossierledger/domain/event"
)

// awayAfter is how many different keys must have failed, with nothing delivered
// in between, for the receiver to be taken to be away.
const awayAfter = 5

// lag is a key of which something could not be delivered.
type lag struct {
	delivery.Lag
	// last is the last position of the key that is known to wait.
	last uint64
	// next is before when it is not tried again.
	next time.Time
	// busy is true while somebody works on it.
	busy bool
	// letter is true where it was given up and not delivered since.
	letter bool
}

// book is what is known of the deliveries to one receiver: up to where the log was
// worked off, and what is behind. It decides what may be tried, and when.
type book struct {
	config *Config

	mu      sync.Mutex
	changed chan struct{} // closed and made anew at every change
	// next is the position from which on nothing was worked off as a whole.
	next uint64
	// behind are the keys that are tried again, held those that wait for a person.
	behind, held map[string]*lag
	// failing are the keys that failed since something was delivered.
	failing map[string]bool
	away    bool
	probe   time.Time // before when a receiver that is away is not tried again
	probes  int
	// unsaved says that something is worth writing; moved that only the position
	// went over what is not for the receiver.
	unsaved, moved bool
	// oldest is when the oldest event of the page under way was recorded.
	oldest time.Time
	live   bool
	reason string
	stuck  string
}

func newBook(config *Config) *book {
	return &book{config: config, changed: make(chan struct{}), behind: map[string]*lag{}, held: map[string]*lag{}, failing: map[string]bool{}}
}

// change alters the book and wakes those who wait for it.
func (b *book) change(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
	b.broadcast()
}

func (b *book) broadcast() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// look reads the book; the channel is closed at its next change.
func (b *book) look(f func()) <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
	return b.changed
}

// mayBegin reports whether something new may be tried. With nothing that is tried
// again, only something new can show whether the receiver is there.
func (b *book) mayBegin() bool {
	return len(b.behind) < b.config.MaxBehind && (!b.away || len(b.behind) == 0)
}

// put asks what is to become of events of a key that have come: they wait where
// the key is behind.
func (b *book) put(key string, last uint64) (waits bool) {
	for _, kept := range []map[string]*lag{b.behind, b.held} {
		if l, ok := kept[key]; ok {
			l.last = max(l.last, last)
			return true
		}
	}
	return false
}

// delivered notes a success: the receiver is there, and everything may be tried at
// once where it had been away.
func (b *book) delivered() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.failing) == 0 {
		return
	}
	b.reason = ""
	clear(b.failing)
	if b.away {
		b.away, b.probes = false, 0
		for _, l := range b.behind {
			l.next = time.Time{}
		}
	}
	b.broadcast()
}

// failed notes that an event of a key could not be delivered, and plans the next
// attempt. It reports whether the key is to be given up.
func (b *book) failed(l *lag, f *Failure) (giveUp bool) {
	now := b.config.Now()
	b.reason, l.Reason = f.Reason, f.Reason
	if !b.away {
		// While nothing gets through it is not the event's fault.
		l.Attempts++
	}
	b.failing[l.Key] = true
	if len(b.failing) >= awayAfter {
		b.away = true
	}
	pause := b.pause(l.Attempts, f)
	l.next = now.Add(pause)
	if b.away {
		b.probes++
		b.probe = now.Add(b.pause(b.probes, f))
	}
	return l.Attempts >= b.config.Attempts || now.Sub(l.Since) >= b.config.GiveUpAfter
}

// pause grows with the number of attempts, and is spread so that keys which fail
// together are not tried together.
func (b *book) pause(attempts int, f *Failure) time.Duration {
	pause := b.config.RetryMin << min(max(attempts-1, 0), 20)
	if pause <= 0 || pause > b.config.RetryMax {
		pause = b.config.RetryMax
	}
	pause = pause/2 + rand.N(pause/2+1)
	return max(pause, min(f.RetryAfter, b.config.RetryMax))
}

// hold puts a key aside until a person decides.
func (b *book) hold(l *lag) {
	l.letter, l.busy = true, false
	delete(b.behind, l.Key)
	b.held[l.Key] = l
}

// asked takes in that what was given up of a key is to be sent again, not before
// a position.
func (b *book) asked(key string, from uint64) {
	l, ok := b.held[key]
	if !ok {
		return
	}
	delete(b.held, key)
	b.behind[key] = l
	l.From, l.Attempts, l.Since, l.next = max(l.From, from), 0, b.config.Now(), time.Time{}
}

// due gives the keys that are to be tried now, and how long nothing else is.
func (b *book) due(most int) (now []*lag, wait time.Duration) {
	at := b.config.Now()
	wait = time.Hour
	var ready []*lag
	busy := false
	for _, l := range b.behind {
		switch {
		case l.busy:
			busy = true
		case l.next.After(at):
			wait = min(wait, l.next.Sub(at))
			if b.away {
				ready = append(ready, l)
			}
		default:
			ready = append(ready, l)
		}
	}
	slices.SortFunc(ready, func(a, b *lag) int { return cmp.Or(a.next.Compare(b.next), cmp.Compare(a.From, b.From)) })
	if b.away {
		// One at a time, at the receiver's own pace.
		most = min(most, 1)
		if busy {
			return nil, time.Hour
		}
		if b.probe.After(at) {
			return nil, b.probe.Sub(at)
		}
	}
	now = ready[:min(len(ready), most)]
	for _, l := range now {
		l.busy = true
	}
	return now, wait
}

// entry is what is written of the book.
func (b *book) entry() delivery.Progressed {
	p := delivery.Progressed{Next: b.next}
	for _, l := range b.behind {
		// What was given up is in the stream of letters.
		if !l.letter {
			p.Behind = append(p.Behind, l.Lag)
		}
	}
	slices.SortFunc(p.Behind, func(a, b delivery.Lag) int { return cmp.Compare(a.Key, b.Key) })
	return p
}

// open takes in what was written before.
func (b *book) open(progress *delivery.Progressed, letters *delivery.Letters) {
	if progress != nil {
		b.next = progress.Next
		for _, written := range progress.Behind {
			b.behind[written.Key] = &lag{Lag: written, last: b.last(written)}
		}
	}
	for _, letter := range letters.List() {
		l := &lag{Lag: letter.Lag, last: b.last(letter.Lag), letter: true}
		delete(b.behind, l.Key)
		b.held[l.Key] = l
		if letter.Asked {
			b.asked(l.Key, l.From)
		}
	}
}

// last is up to where a key that was behind is known to wait, from what was written.
func (b *book) last(l delivery.Lag) uint64 { return max(b.next, l.From+1) - 1 }

// fellBehind opens a lag at the first of some events that waits.
func (b *book) fellBehind(key string, events []event.Event) *lag {
	l := &lag{Lag: delivery.Lag{Key: key, From: events[0].Position, Since: b.config.Now()}, last: events[len(events)-1].Position, busy: true}
	b.behind[key] = l
	b.unsaved = true
	return l
}

// status tells how it stands.
func (b *book) status(running bool) Status {
	s := Status{
		Name: b.config.Name, State: CatchingUp, Next: b.next,
		Behind: len(b.behind), GivenUp: len(b.held), Reason: b.reason, Error: b.stuck,
	}
	oldest := b.oldest
	for _, l := range b.behind {
		if oldest.IsZero() || l.Since.Before(oldest) {
			oldest = l.Since
		}
	}
	if !oldest.IsZero() {
		s.LagSeconds = max(0, b.config.Now().Sub(oldest).Seconds())
	}
	switch {
	case !running:
		s.State = Stopped
	case b.stuck != "":
		s.State = Waiting
	case b.away:
		s.State = Away
	case b.live:
		s.State = Live
	}
	return s
}
