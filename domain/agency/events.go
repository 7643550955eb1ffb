// Package agency is the tree of agencies (cơ quan) that handle dossiers: since
// when each exists, what it was before, under which names and identifiers it is
// known, and which departments it has. Old events keep the agency of their time.
package agency

import (
	"time"

	"dossierledger/domain/event"
	"dossierledger/domain/procedure"
)

// StreamPrefix begins the name of every stream of an agency.
const StreamPrefix = "agency-"

// Stream names the stream of an agency.
func Stream(id string) string { return StreamPrefix + id }

// Kind is what an agency is.
type Kind string

// The kinds of agency.
const (
	Ministry             Kind = "ministry"              // bộ, cơ quan ngang bộ
	CentralAgency        Kind = "central-agency"        // cục, kho bạc, bảo hiểm xã hội: of a ministry, in the centre or in a region
	PeopleCommittee      Kind = "people-committee"      // uỷ ban nhân dân tỉnh, xã
	ProvincialDepartment Kind = "provincial-department" // sở, ban, ngành
	ServiceCentre        Kind = "service-centre"        // trung tâm phục vụ hành chính công
	PublicUnit           Kind = "public-unit"           // đơn vị sự nghiệp, doanh nghiệp công ích
)

// DepartmentKind is the part that a department has in the handling. The steps of
// a procedure name departments by these slugs.
type DepartmentKind string

// The kinds of department.
const (
	OneStop    DepartmentKind = "one-stop"   // bộ phận một cửa
	Specialist DepartmentKind = "specialist" // phòng chuyên môn
	Leadership DepartmentKind = "leadership" // lãnh đạo
	Registry   DepartmentKind = "registry"   // văn thư
	Finance    DepartmentKind = "finance"    // kế toán, thu phí
)

// Place is where an agency is competent, by the codes of the list of
// administrative units (QĐ 19/2025/QĐ-TTg). Empty means the whole country.
type Place struct {
	Province string `json:"province,omitempty"` // "01"
	Commune  string `json:"commune,omitempty"`  // "00004"; only with a province
}

// Covers reports whether a place lies within this one.
func (p Place) Covers(other Place) bool {
	return (p.Province == "" || p.Province == other.Province) && (p.Commune == "" || p.Commune == other.Commune)
}

// Department is a part of an agency.
type Department struct {
	Slug string         `json:"slug"` // unique within the agency
	Kind DepartmentKind `json:"kind"`
	Name procedure.Text `json:"name"`
}

// Established says that an agency began to exist.
type Established struct {
	// ID is the agency's present identifier in the shape of QĐ 20/2020/QĐ-TTg.
	ID     string         `json:"id"`
	Name   procedure.Text `json:"name"`
	Kind   Kind           `json:"kind"`
	Tier   procedure.Tier `json:"tier"`
	Parent string         `json:"parent,omitempty"`
	Place  Place          `json:"place,omitzero"`
	// Fields are the fields of work (lĩnh vực) in which it decides; empty means
	// every field of its tier and place.
	Fields       []string  `json:"fields,omitempty"`
	Predecessors []string  `json:"predecessors,omitempty"`
	From         time.Time `json:"from"`
	Basis        string    `json:"basis"`
	// Sample is true where identifier or name is a made-up example.
	Sample bool `json:"sample,omitempty"`
}

// EventType implements event.Payload.
func (Established) EventType() string { return "agency.established.v1" }

// Renamed says that the agency has another name from a date on.
type Renamed struct {
	Name  procedure.Text `json:"name"`
	From  time.Time      `json:"from"`
	Basis string         `json:"basis"`
}

// EventType implements event.Payload.
func (Renamed) EventType() string { return "agency.renamed.v1" }

// AreaChanged says that the agency is competent for another place from a date
// on, as when a province takes in its neighbour and is given another code.
type AreaChanged struct {
	Place Place     `json:"place"`
	From  time.Time `json:"from"`
	Basis string    `json:"basis"`
}

// EventType implements event.Payload.
func (AreaChanged) EventType() string { return "agency.area-changed.v1" }

// AliasAdded says that the agency is also known by another identifier.
type AliasAdded struct {
	Alias  string    `json:"alias"`
	Scheme Scheme    `json:"scheme"`
	From   time.Time `json:"from"`
	// Until is when the alias stops meaning this agency, exclusive; nil for no end.
	Until *time.Time `json:"until,omitempty"`
}

// EventType implements event.Payload.
func (AliasAdded) EventType() string { return "agency.alias-added.v1" }

// DepartmentOpened says that the agency has a department from a date on.
type DepartmentOpened struct {
	Department Department `json:"department"`
	From       time.Time  `json:"from"`
}

// EventType implements event.Payload.
func (DepartmentOpened) EventType() string { return "agency.department-opened.v1" }

// DepartmentClosed says that a department ends.
type DepartmentClosed struct {
	Slug string    `json:"slug"`
	From time.Time `json:"from"`
}

// EventType implements event.Payload.
func (DepartmentClosed) EventType() string { return "agency.department-closed.v1" }

// MergedInto says that the agency ends by becoming part of another.
type MergedInto struct {
	Into      string    `json:"into"`
	Effective time.Time `json:"effective"`
	Basis     string    `json:"basis"`
}

// EventType implements event.Payload.
func (MergedInto) EventType() string { return "agency.merged-into.v1" }

// Dissolved says that the agency ends; its work goes to the successors, if there are any.
type Dissolved struct {
	Successors []string  `json:"successors,omitempty"`
	Effective  time.Time `json:"effective"`
	Basis      string    `json:"basis"`
}

// EventType implements event.Payload.
func (Dissolved) EventType() string { return "agency.dissolved.v1" }

// Register makes every event of the package known.
func Register(r *event.Registry) {
	event.Register[Established](r)
	event.Register[Renamed](r)
	event.Register[AreaChanged](r)
	event.Register[AliasAdded](r)
	event.Register[DepartmentOpened](r)
	event.Register[DepartmentClosed](r)
	event.Register[MergedInto](r)
	event.Register[Dissolved](r)
}
