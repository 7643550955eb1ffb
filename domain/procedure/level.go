package procedure

import "slices"

// The four levels of Thông tư 26/2009/TT-BTTTT.
const (
	Level1 Level = 1 // full information
	Level2 Level = 2 // and forms to download and fill in
	Level3 Level = 3 // and online submission and handling; pay and collect in person
	Level4 Level = 4 // and online payment; the result online, in person or by post
)

// Features is what a portal may offer for a procedure.
type Features struct {
	Information  bool `json:"information"`
	Download     bool `json:"download"`
	Submit       bool `json:"submit"`
	PayOnline    bool `json:"pay_online"`
	ResultOnline bool `json:"result_online"`
}

// Offers gives the features of the version's own level.
func (v Version) Offers() Features { return v.OffersUpTo(Level4) }

// OffersUpTo gives the features of the version in a portal that has switched
// off everything above a level. Paying online needs something to pay, and an
// online result needs online delivery.
func (v Version) OffersUpTo(ceiling Level) Features {
	level := min(v.Level, ceiling)
	return Features{
		Information:  level >= Level1,
		Download:     level >= Level2,
		Submit:       level >= Level3,
		PayOnline:    level >= Level4 && len(v.Fees) > 0,
		ResultOnline: level >= Level4 && slices.Contains(v.Delivery, Online),
	}
}

// Accepts reports whether a dossier may come in by a channel: online from level
// 3, in person and by post always.
func (v Version) Accepts(channel Channel) bool {
	switch channel {
	case InPerson, ByPost:
		return true
	case Online:
		return v.Offers().Submit
	default:
		return false
	}
}

// CanReceiveBy reports whether the result can be handed over by a channel.
func (v Version) CanReceiveBy(channel Channel) bool { return slices.Contains(v.Delivery, channel) }
