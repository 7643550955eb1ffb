package queries

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"dossierledger/domain/dossier"
	"dossierledger/domain/event"
	"dossierledger/domain/legacy"
	"dossierledger/domain/procedure"
)

// Detail is one thing that an event says, beside its sentence. Instants are
// RFC 3339 in UTC, money is whole đồng.
type Detail struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// sentence is an event in words. What is concerned is for those concerned only;
// nothing in it is personal.
type sentence struct {
	title     procedure.Text
	public    []Detail
	concerned []Detail
	// internal events are named to the public, but nothing is said of them.
	internal bool
	step     string
	clock    []dossier.ClockChange
}

func said(vi, en string) sentence { return sentence{title: procedure.Text{VI: vi, EN: en}} }

// tell adds what anybody may know; empty values are left out.
func (s sentence) tell(name, value string) sentence {
	s.public = addDetail(s.public, name, value)
	return s
}

// confide adds what only those concerned may know.
func (s sentence) confide(name, value string) sentence {
	s.concerned = addDetail(s.concerned, name, value)
	return s
}

func addDetail(list []Detail, name, value string) []Detail {
	if value == "" {
		return list
	}
	return append(list, Detail{Name: name, Value: value})
}

func (s sentence) at(step string) sentence {
	s.step = step
	return s
}

func (s sentence) ticks(clock []dossier.ClockChange) sentence {
	s.clock = clock
	return s
}

func on(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return Instant{at}.String()
}

func yes(b bool) string {
	if b {
		return "true"
	}
	return ""
}

func whole(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// sentenceOf puts an event into words. An event that nobody put into words is
// named by its type, with nothing said of its content.
func (n names) sentenceOf(e event.Event) sentence {
	for _, of := range []func(event.Payload) (sentence, bool){n.intake, n.money, n.handling, n.outcome, history} {
		if s, ok := of(e.Payload); ok {
			return s
		}
	}
	name := e.Payload.EventType()
	return said(name, name)
}

func (n names) intake(payload event.Payload) (sentence, bool) {
	switch p := payload.(type) {
	case dossier.Submitted:
		channel := channelNames[p.Channel]
		s := said("Nộp hồ sơ: "+strings.ToLower(channel.VI), "Dossier submitted: "+strings.ToLower(channel.EN))
		return s.tell("channel", string(p.Channel)).tell("delivery", string(p.Delivery)), true
	case dossier.DocumentAttached:
		name := n.component(p.Component)
		if p.Component == "" {
			name = procedure.Text{VI: "giấy tờ khác", EN: "another document"}
		}
		s := said("Đính kèm: "+name.VI, "Document attached: "+name.In("en")).
			tell("component", p.Component).tell("version", whole(int64(p.Version))).tell("form", string(p.Form)).tell("stage", string(p.Stage))
		return s.confide("hash", p.Hash).confide("size_bytes", whole(p.Size)).confide("media_type", p.MediaType).
			tell("digitised", yes(p.Digitised)).tell("reused", yes(p.Reused)).tell("from_store", yes(p.FromStore)), true
	case dossier.Received:
		return said("Tiếp nhận hồ sơ, cấp giấy hẹn trả kết quả", "Dossier received, acceptance slip issued").
			tell("slip", p.Slip).tell("form_set", p.FormSet).tell("same_day", yes(p.SameDay)).ticks(p.Clock), true
	case dossier.ReceptionRefused:
		return said("Từ chối tiếp nhận hồ sơ", "Reception refused").
			tell("slip", p.Slip).tell("ground", p.Why.Ground).tell("suggested_agency", p.Suggested), true
	case dossier.SupplementRequested:
		var codes []string
		for _, c := range p.Components {
			codes = append(codes, c.Code)
		}
		return said(fmt.Sprintf("Yêu cầu bổ sung giấy tờ, lần %d", p.Number), fmt.Sprintf("Supplement requested (no. %d)", p.Number)).
			tell("slip", p.Slip).tell("phase", string(p.Phase)).tell("components", strings.Join(codes, ", ")).
			tell("ground", p.Why.Ground).tell("basis", p.Basis).tell("wait_until", on(p.WaitUntil)).confide("approver", p.Approver).ticks(p.Clock), true
	case dossier.SupplementProvided:
		return said(fmt.Sprintf("Đã bổ sung giấy tờ, lần %d", p.Number), fmt.Sprintf("Supplement provided (no. %d)", p.Number)).
			tell("components", strings.Join(p.Components, ", ")).ticks(p.Clock), true
	case dossier.SupplementExpired:
		return said(fmt.Sprintf("Hết thời hạn bổ sung, lần %d", p.Number), fmt.Sprintf("Supplement not provided in time (no. %d)", p.Number)).
			tell("outcome", string(p.Outcome)), true
	}
	return sentence{}, false
}

func (n names) money(payload event.Payload) (sentence, bool) {
	switch p := payload.(type) {
	case dossier.FeeAssessed:
		return said("Xác định phí, lệ phí phải nộp", "Fee assessed").
			tell("obligation", p.Obligation).confide("amount", whole(p.Amount)).tell("kind", string(p.Kind)).ticks(p.Clock), true
	case dossier.FeePaid:
		how := procedure.Text{VI: "Nộp tiền tại quầy", EN: "Paid at the counter"}
		if p.Method == dossier.PaidOnline {
			how = procedure.Text{VI: "Thanh toán trực tuyến", EN: "Paid online"}
		}
		return said(how.VI, how.EN).tell("obligation", p.Obligation).tell("method", string(p.Method)).tell("gateway", string(p.Gateway)).
			confide("amount", whole(p.Amount)).confide("transaction", p.Transaction).confide("receipt", p.Receipt.Number).ticks(p.Clock), true
	case dossier.FeeExempted:
		return said("Miễn, giảm phí, lệ phí", "Fee exempted").
			tell("obligation", p.Obligation).confide("exemption", p.Exemption).confide("amount", whole(p.Amount)).ticks(p.Clock), true
	case dossier.FeeRefunded:
		return said("Hoàn trả tiền", "Fee refunded").tell("obligation", p.Obligation).
			tell("ground", p.Why.Ground).confide("amount", whole(p.Amount)).confide("transaction", p.Transaction), true
	case dossier.ObligationImposed:
		return said("Thông báo nghĩa vụ tài chính", "Financial obligation imposed").tell("obligation", p.Obligation).tell("kind", p.Kind).
			tell("legal_basis", p.LegalBasis).confide("notice", p.Notice).confide("amount", whole(p.Amount)).ticks(p.Clock), true
	case dossier.ObligationMet:
		return said("Hoàn thành nghĩa vụ tài chính", "Financial obligation met").tell("obligation", p.Obligation).
			confide("amount", whole(p.Amount)).confide("transaction", p.Transaction).ticks(p.Clock), true
	}
	return sentence{}, false
}

func (n names) handling(payload event.Payload) (sentence, bool) {
	switch p := payload.(type) {
	case dossier.Assigned:
		return n.to("Chuyển xử lý", "Assigned", p.Holder).tell("ground", p.Why.Ground), true
	case dossier.Reassigned:
		return n.to("Chuyển người xử lý", "Reassigned", p.Holder).tell("previous_officer", p.Previous.Officer).tell("ground", p.Why.Ground), true
	case dossier.StepStarted:
		return n.about("Bắt đầu bước", "Step started", p.Step), true
	case dossier.StepCompleted:
		return n.about("Hoàn thành bước", "Step completed", p.Step), true
	case dossier.StepReturned:
		return n.about("Trả lại bước", "Returned to step", p.To).tell("from", p.From).tell("ground", p.Why.Ground).
			tell("voids", strings.Join(p.Voids, ", ")), true
	case dossier.OpinionRequested:
		return n.with("Lấy ý kiến", "Opinion requested from", p.Agency).tell("number", whole(int64(p.Number))).
			tell("due_at", on(p.DueAt)).ticks(p.Clock), true
	case dossier.OpinionGiven:
		return n.with("Có ý kiến của", "Opinion given by", p.Agency).tell("number", whole(int64(p.Number))).
			confide("position", string(p.Position)).confide("hash", p.Hash).ticks(p.Clock), true
	case dossier.Forwarded:
		return n.with("Chuyển liên thông đến", "Forwarded to", p.To.Agency).tell("task", p.Task).tell("parallel", yes(p.Parallel)).
			tell("due_at", on(p.DueAt)).tell("ground", p.Why.Ground).ticks(p.Clock), true
	case dossier.ForwardAnswered:
		return n.with("Kết quả liên thông từ", "Answer from", p.Agency).tell("outcome", p.Outcome).confide("hash", p.Hash).ticks(p.Clock), true
	case dossier.Appraised:
		return said("Thẩm định hồ sơ", "Appraised").at(dossier.StepAppraisal).
			confide("conclusion", string(p.Conclusion)).confide("report", p.Report), true
	case dossier.InspectionRecorded:
		return said("Kiểm tra thực địa", "Inspected on the spot").at(dossier.StepInspection).tell("inspected_at", on(p.InspectedAt)).
			confide("conclusion", string(p.Conclusion)).confide("report", p.Report).confide("remedy_until", on(p.RemedyUntil)), true
	case dossier.DeadlineExtended:
		return said(fmt.Sprintf("Thư xin lỗi và hẹn lại ngày trả kết quả, lần %d", p.Number), fmt.Sprintf("Deadline extended with an apology (no. %d)", p.Number)).
			tell("letter", p.Letter).tell("ground", p.Why.Ground).ticks(p.Clock), true
	case dossier.SubmittedForSignature:
		return said("Trình ký", "Submitted for signature").confide("hash", p.Hash), true
	case dossier.Signed:
		return said("Ký kết quả", "Signed").tell("signer", p.Signer).tell("format", p.Format).confide("hash", p.Hash).confide("certificate", p.Certificate), true
	}
	return sentence{}, false
}

func (n names) outcome(payload event.Payload) (sentence, bool) {
	switch p := payload.(type) {
	case dossier.ResultIssued:
		return said("Phát hành kết quả", "Result issued").tell("version", whole(int64(p.Version))).confide("number", p.Number).
			confide("hash", p.Hash).tell("signer", p.Signer).tell("electronic", yes(p.Electronic)).tell("valid_until", on(p.ValidUntil)).ticks(p.Clock), true
	case dossier.Rejected:
		return said("Từ chối giải quyết", "Application refused by a reasoned decision").tell("ground", p.Why.Ground).
			confide("decision", p.Decision).confide("hash", p.Hash).tell("signer", p.Signer).ticks(p.Clock), true
	case dossier.Stopped:
		return said("Thông báo dừng giải quyết", "Handling stopped").tell("notice", p.Notice).tell("ground", p.Why.Ground).
			tell("stage", string(p.Stage)).tell("financial", string(p.Financial.Kind)).confide("amount", whole(p.Financial.Amount)).
			confide("approver", p.Approver).ticks(p.Clock), true
	case dossier.ResultHandedToPost:
		return said("Bàn giao kết quả cho bưu chính", "Result handed to the post").confide("tracking", p.Tracking), true
	case dossier.ResultReturned:
		return said("Bưu chính hoàn trả kết quả", "Result returned by the post").tell("ground", p.Ground).confide("tracking", p.Tracking), true
	case dossier.ResultDelivered:
		return said("Trả kết quả", "Result delivered").tell("method", string(p.Method)).confide("tracking", p.Tracking), true
	case dossier.Withdrawn:
		return said("Rút hồ sơ", "Dossier withdrawn").tell("ground", p.Why.Ground).ticks(p.Clock), true
	case dossier.Reopened:
		return said("Mở lại hồ sơ theo kết quả giải quyết khiếu nại", "Reopened after a complaint was upheld").
			tell("ground", p.Why.Ground).confide("complaint", p.Complaint).ticks(p.Clock), true
	case dossier.ResultCorrected:
		return said("Đính chính kết quả", "Result corrected").tell("version", whole(int64(p.Version))).tell("corrects", whole(int64(p.Corrects))).
			tell("ground", p.Why.Ground).confide("number", p.Number).confide("hash", p.Hash).tell("signer", p.Signer), true
	case dossier.Rated:
		score := 0
		for _, c := range p.Criteria {
			score += c
		}
		return said("Đánh giá việc giải quyết", "Handling rated").confide("satisfied", strconv.FormatBool(p.Satisfied)).confide("score", whole(int64(score))), true
	case dossier.NoteAdded:
		s := said("Ghi chú", "Note added").tell("visibility", string(p.Visibility))
		s.internal = p.Visibility != dossier.ForApplicant
		return s, true
	case dossier.CorrectionRecorded:
		return said("Đính chính thông tin đã ghi", "Correction of an earlier entry").tell("event", p.Event.String()).confide("field", p.Field), true
	case dossier.SyncReported:
		s := said("Đồng bộ với "+p.Portal, "Synchronised with "+p.Portal).tell("state", string(p.State)).confide("reference", p.Reference).confide("error", p.Error)
		return s.tell("status", whole(int64(p.Status))), true
	}
	return sentence{}, false
}

// history is an event of an older system, in that system's words. What its
// attributes say is not known here, so it is for those concerned.
func history(payload event.Payload) (sentence, bool) {
	switch p := payload.(type) {
	case legacy.ActionRecorded:
		s := said(p.Activity, p.Activity).tell("lifecycle", p.Lifecycle)
		for _, a := range p.Attributes {
			s = s.confide(a.Name, a.Value)
		}
		return s, true
	case legacy.CaseDescribed:
		s := said("Thông tin hồ sơ từ hệ thống cũ", "What the older system says of the dossier")
		for _, a := range p.Attributes {
			s = s.confide(a.Name, a.Value)
		}
		return s, true
	}
	return sentence{}, false
}

func (n names) about(vi, en, step string) sentence {
	name := n.step(step)
	if name == nil {
		return said(vi, en)
	}
	return said(vi+": "+name.Name.VI, en+": "+name.Name.In("en")).at(step)
}

func (n names) with(vi, en, agency string) sentence {
	name := n.agency(agency)
	if name == nil {
		return said(vi, en)
	}
	return said(vi+" "+name.Name.VI, en+" "+name.Name.In("en")).tell("agency", agency)
}

func (n names) to(vi, en string, h dossier.Holder) sentence {
	s := said(vi, en)
	if d := n.department(h.Agency, h.Department); d != nil {
		s = said(vi+": "+d.Name.VI, en+": "+d.Name.In("en"))
	}
	return s.tell("agency", h.Agency).tell("department", h.Department).tell("officer", h.Officer)
}
