package dossier

import "dossierledger/domain/procedure"

// Status is the national synchronisation code of a dossier. It is a projection
// of the facts and is stored nowhere as truth.
type Status int

// The ten codes. The zero Status belongs to a dossier that does not exist.
const (
	StatusNew              Status = 1  // Mới đăng ký
	StatusReceived         Status = 2  // Được tiếp nhận
	StatusReceptionRefused Status = 3  // Không được tiếp nhận
	StatusProcessing       Status = 4  // Đang xử lý
	StatusSupplement       Status = 5  // Yêu cầu bổ sung giấy tờ
	StatusObligation       Status = 6  // Yêu cầu thực hiện nghĩa vụ tài chính
	StatusWithdrawn        Status = 7  // Công dân yêu cầu rút hồ sơ
	StatusStopped          Status = 8  // Dừng xử lý
	StatusFinished         Status = 9  // Đã xử lý xong
	StatusDelivered        Status = 10 // Đã trả kết quả
)

var statusNames = map[Status]procedure.Text{
	StatusNew:              {VI: "Mới đăng ký", EN: "New"},
	StatusReceived:         {VI: "Được tiếp nhận", EN: "Received"},
	StatusReceptionRefused: {VI: "Không được tiếp nhận", EN: "Not received"},
	StatusProcessing:       {VI: "Đang xử lý", EN: "In process"},
	StatusSupplement:       {VI: "Yêu cầu bổ sung giấy tờ", EN: "Supplement requested"},
	StatusObligation:       {VI: "Yêu cầu thực hiện nghĩa vụ tài chính", EN: "Payment due"},
	StatusWithdrawn:        {VI: "Công dân yêu cầu rút hồ sơ", EN: "Withdrawn"},
	StatusStopped:          {VI: "Dừng xử lý", EN: "Stopped"},
	StatusFinished:         {VI: "Đã xử lý xong", EN: "Finished"},
	StatusDelivered:        {VI: "Đã trả kết quả", EN: "Result delivered"},
}

// Name gives the official Vietnamese name and an English one.
func (s Status) Name() procedure.Text { return statusNames[s] }

// Valid reports whether s is one of the ten.
func (s Status) Valid() bool { return s >= StatusNew && s <= StatusDelivered }

// Phase is the part of its life that a dossier is in.
type Phase string

// The phases. All but the first three are ends, of which a complaint can
// reopen those that hold a decision.
const (
	PhaseNone             Phase = "" // nothing was submitted
	PhaseSubmitted        Phase = "submitted"
	PhaseProcessing       Phase = "processing"
	PhaseReceptionRefused Phase = "reception-refused"
	PhaseIssued           Phase = "issued"
	PhaseDelivered        Phase = "delivered"
	PhaseRejected         Phase = "rejected"
	PhaseStopped          Phase = "stopped"
	PhaseWithdrawn        Phase = "withdrawn"
)

// Open reports whether something is still to be decided.
func (p Phase) Open() bool { return p == PhaseSubmitted || p == PhaseProcessing }

// WaitsFor is whom or what a dossier waits for.
type WaitsFor string

// What a dossier can wait for. Where several hold, the earliest in this list
// is given: what the citizen has to do comes before what offices have to do.
const (
	WaitsForNobody      WaitsFor = ""
	WaitsForSupplement  WaitsFor = "supplement"
	WaitsForPayment     WaitsFor = "payment"
	WaitsForOtherAgency WaitsFor = "other-agency"
	WaitsForOpinion     WaitsFor = "opinion"
	WaitsForSignature   WaitsFor = "signature"
)

// Status projects the facts to the national code. A refused decision counts as
// stopped (8): conditions were not met; its delivery is in the delivery state.
// A dossier is received (2) until it has left the one-stop desk, then in
// process (4); what the citizen owes first, papers (5) or money (6), shows
// before that.
func (s *State) Status() Status {
	switch s.Phase {
	case PhaseSubmitted:
		if s.OpenSupplement() != nil {
			return StatusSupplement
		}
		return StatusNew
	case PhaseProcessing:
		switch {
		case s.OpenSupplement() != nil:
			return StatusSupplement
		case s.BlockingOwed() > 0:
			return StatusObligation
		case s.LeftDesk:
			return StatusProcessing
		default:
			return StatusReceived
		}
	case PhaseReceptionRefused:
		return StatusReceptionRefused
	case PhaseIssued:
		return StatusFinished
	case PhaseDelivered:
		return StatusDelivered
	case PhaseRejected, PhaseStopped:
		return StatusStopped
	case PhaseWithdrawn:
		return StatusWithdrawn
	default:
		return 0
	}
}

// WaitsFor says whom the dossier waits for.
func (s *State) WaitsFor() WaitsFor {
	switch {
	case !s.Phase.Open():
		return WaitsForNobody
	case s.OpenSupplement() != nil:
		return WaitsForSupplement
	case s.BlockingOwed() > 0:
		return WaitsForPayment
	case s.openForwards() > 0:
		return WaitsForOtherAgency
	case s.openOpinions() > 0:
		return WaitsForOpinion
	case s.Draft != nil && len(s.Signatures) == 0:
		return WaitsForSignature
	default:
		return WaitsForNobody
	}
}
