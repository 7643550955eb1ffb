package web

import (
	"time"

	"github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// callersMax is how many callers the limiter remembers; those that asked least
// recently are forgotten first, with nothing left to remember of most of them.
const callersMax = 50_000

// limiter gives each caller a bucket of tokens.
type limiter struct {
	buckets *lru.Cache[string, *rate.Limiter]
	rate    rate.Limit
	burst   int
	now     func() time.Time
}

func newLimiter(perSecond float64, burst int, now func() time.Time) (*limiter, error) {
	buckets, err := lru.New[string, *rate.Limiter](callersMax)
	return &limiter{buckets: buckets, rate: rate.Limit(perSecond), burst: burst, now: now}, err
}

// take takes one token, or says how long to wait for the next.
func (l *limiter) take(caller string) (wait time.Duration, ok bool) {
	if l.rate < 0 {
		return 0, true
	}
	bucket, there := l.buckets.Get(caller)
	if !there {
		bucket = rate.NewLimiter(l.rate, l.burst)
		if earlier, there, _ := l.buckets.PeekOrAdd(caller, bucket); there {
			bucket = earlier // another request of the caller's came between
		}
	}
	now := l.now()
	reservation := bucket.ReserveN(now, 1)
	if delay := reservation.DelayFrom(now); delay > 0 {
		reservation.CancelAt(now)
		return delay, false
	}
	return 0, true
}
