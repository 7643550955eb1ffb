package webhook

import "time"

// SetClock gives a sender another clock.
func SetClock(s *Sender, now func() time.Time) { s.now = now }
