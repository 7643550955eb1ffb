package esdbserver

import (
	"fmt"
	"slices"
	"time"

	persistentapi "github.com/EventStore/EventStore-Client-Go/v4/protos/persistent"
)

// timesKept is how many of a consumer's last answers are measured.
const timesKept = 1000

// times are how long a consumer has taken for its last answers.
type times struct {
	taken []time.Duration
	next  int
}

func (t *times) note(taken time.Duration) {
	if len(t.taken) < timesKept {
		t.taken = append(t.taken, taken)
		return
	}
	t.taken[t.next] = taken
	t.next = (t.next + 1) % timesKept
}

// measured are a group's extra statistics of one consumer, in milliseconds, under
// the names that EventStoreDB gives them; none before the first answer.
func (t *times) measured() []*persistentapi.SubscriptionInfo_Measurement {
	if len(t.taken) == 0 {
		return nil
	}
	sorted := slices.Sorted(slices.Values(t.taken))
	var sum time.Duration
	for _, taken := range sorted {
		sum += taken
	}
	var out []*persistentapi.SubscriptionInfo_Measurement
	tell := func(name string, taken time.Duration) {
		out = append(out, &persistentapi.SubscriptionInfo_Measurement{Key: name, Value: taken.Milliseconds()})
	}
	// at is the time that so many of a thousand answers took at most.
	at := func(permille int) time.Duration { return sorted[max(0, (len(sorted)*permille+999)/1000-1)] }
	tell("Mean", sum/time.Duration(len(sorted)))
	tell("Median", at(500))
	tell("Fastest", sorted[0])
	for i := range 5 {
		tell(fmt.Sprintf("Quintile %d", i+1), at(200*(i+1)))
	}
	tell("90%", at(900))
	tell("95%", at(950))
	tell("99%", at(990))
	tell("99.5%", at(995))
	tell("99.9%", at(999))
	tell("Highest", sorted[len(sorted)-1])
	return out
}
