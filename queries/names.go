package queries

import (
	"time"

	"dossierledger/domain/agency"
	"dossierledger/domain/dossier"
	"dossierledger/domain/procedure"
)

// Named is a code with its name in both languages.
type Named struct {
	Code string         `json:"code"`
	Name procedure.Text `json:"name"`
}

// HolderView is who has a dossier in hand.
type HolderView struct {
	Agency     Named    `json:"agency"`
	Department *Named   `json:"department,omitempty"`
	Officer    string   `json:"officer,omitempty"` // pseudonym
	Since      *Instant `json:"since,omitempty"`
}

// names looks up what codes are called. What no register knows is called by its code.
type names struct {
	directory *agency.Directory
	version   *procedure.Version
	at        time.Time
}

func (d *Dossiers) names(version *procedure.Version, at time.Time) (names, error) {
	directory, err := d.registers.Directory()
	return names{directory: directory, version: version, at: at}, err
}

func (n names) agency(id string) *Named {
	if id == "" {
		return nil
	}
	if a, ok := n.directory.Get(id); ok {
		return &Named{Code: id, Name: a.NameAt(n.at)}
	}
	return &Named{Code: id, Name: procedure.Text{VI: id, EN: id}}
}

func (n names) department(agencyID, slug string) *Named {
	if slug == "" {
		return nil
	}
	if a, ok := n.directory.Get(agencyID); ok {
		if department, ok := a.DepartmentAt(slug, n.at); ok {
			return &Named{Code: slug, Name: department.Name}
		}
	}
	if name, ok := departmentNames[slug]; ok {
		return &Named{Code: slug, Name: name}
	}
	return &Named{Code: slug, Name: procedure.Text{VI: slug, EN: slug}}
}

var departmentNames = map[string]procedure.Text{
	dossier.OneStop:    {VI: "Bộ phận một cửa", EN: "One-stop desk"},
	dossier.Specialist: {VI: "Bộ phận chuyên môn", EN: "Specialists"},
	dossier.Leadership: {VI: "Lãnh đạo", EN: "Leadership"},
	dossier.Registry:   {VI: "Văn thư", EN: "Registry"},
}

func (n names) step(code string) *Named {
	if code == "" {
		return nil
	}
	if n.version != nil {
		if step, ok := n.version.Step(code); ok {
			return &Named{Code: code, Name: step.Name}
		}
	}
	return &Named{Code: code, Name: procedure.Text{VI: code, EN: code}}
}

func (n names) component(code string) procedure.Text {
	if n.version != nil {
		if c, ok := n.version.Component(code); ok {
			return c.Name
		}
	}
	return procedure.Text{VI: code, EN: code}
}

func (n names) holder(h dossier.Holder, since time.Time) *HolderView {
	if h.Agency == "" {
		return nil
	}
	return &HolderView{
		Agency: *n.agency(h.Agency), Department: n.department(h.Agency, h.Department),
		Officer: h.Officer, Since: moment(since),
	}
}

// moment gives an instant, nil for the zero time.
func moment(at time.Time) *Instant {
	if at.IsZero() {
		return nil
	}
	return &Instant{at.UTC()}
}

func wholeSeconds(d time.Duration) int64 { return int64(d / time.Second) }

var waitsForNames = map[dossier.WaitsFor]procedure.Text{
	dossier.WaitsForSupplement:  {VI: "chờ người nộp bổ sung giấy tờ", EN: "waits for documents from the applicant"},
	dossier.WaitsForPayment:     {VI: "chờ người nộp thực hiện nghĩa vụ tài chính", EN: "waits for a payment by the applicant"},
	dossier.WaitsForOtherAgency: {VI: "chờ cơ quan khác xử lý", EN: "waits for another agency"},
	dossier.WaitsForOpinion:     {VI: "chờ ý kiến cơ quan phối hợp", EN: "waits for a coordinating agency's opinion"},
	dossier.WaitsForSignature:   {VI: "chờ lãnh đạo ký", EN: "waits for a signature"},
}

var phaseNames = map[dossier.Phase]procedure.Text{
	dossier.PhaseSubmitted:        {VI: "Đã nộp, chờ tiếp nhận", EN: "Submitted, not yet received"},
	dossier.PhaseProcessing:       {VI: "Đang giải quyết", EN: "Being handled"},
	dossier.PhaseReceptionRefused: {VI: "Không được tiếp nhận", EN: "Reception refused"},
	dossier.PhaseIssued:           {VI: "Đã có kết quả", EN: "Result issued"},
	dossier.PhaseDelivered:        {VI: "Đã trả kết quả", EN: "Result delivered"},
	dossier.PhaseRejected:         {VI: "Bị từ chối giải quyết", EN: "Application refused"},
	dossier.PhaseStopped:          {VI: "Dừng giải quyết", EN: "Handling stopped"},
	dossier.PhaseWithdrawn:        {VI: "Đã rút", EN: "Withdrawn"},
}

var channelNames = map[procedure.Channel]procedure.Text{
	procedure.Online:   {VI: "Trực tuyến", EN: "Online"},
	procedure.InPerson: {VI: "Trực tiếp", EN: "In person"},
	procedure.ByPost:   {VI: "Bưu chính công ích", EN: "By post"},
}

var timelinessNames = map[dossier.Timeliness]procedure.Text{
	dossier.NotStarted: {VI: "Chưa tính thời hạn", EN: "No term is running"},
	dossier.NoDeadline: {VI: "Không quy định thời hạn", EN: "No deadline"},
	dossier.Running:    {VI: "Trong hạn", EN: "Within the term"},
	dossier.Overdue:    {VI: "Quá hạn, chưa giải quyết xong", EN: "Overdue"},
	dossier.Early:      {VI: "Trước hạn", EN: "Finished early"},
	dossier.OnTime:     {VI: "Đúng hạn", EN: "Finished on time"},
	dossier.Late:       {VI: "Trễ hạn", EN: "Finished late"},
}
