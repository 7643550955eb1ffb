package queries

import (
	"context"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"dossierledger/domain/fault"
)

// Limits of a search for dossiers.
const (
	DefaultSearchLimit = 20
	MaxSearchLimit     = 100
	// MinSearchText is the least that a code must begin with, in bytes, so that
	// nobody lists the ledger by accident.
	MinSearchText = 3
)

// Codes of the faults of searches.
const (
	CodeSearchText  = "search.text"
	CodeSearchLimit = "search.limit"
)

// Among confines a search to what its reader may open. The zero Among finds
// nothing; the fields add up.
type Among struct {
	Everything bool
	// Agency finds dossiers in which it supports, receives, decides or holds.
	Agency string
	// Subject finds dossiers whose applicant it is.
	Subject string
}

// FoundDossier is a dossier in a list. It holds nothing personal.
type FoundDossier struct {
	Code      string   `json:"code"`
	Source    string   `json:"source,omitempty"`
	Procedure string   `json:"procedure,omitempty"`
	Status    uint8    `json:"status,omitempty"`
	Phase     string   `json:"phase,omitempty"`
	Agency    string   `json:"holder_agency,omitempty"`
	DueAt     *Instant `json:"due_at,omitempty"`
	UpdatedAt Instant  `json:"updated_at"`
	Revision  uint32   `json:"revision"`
}

// FindDossiers finds dossiers whose code begins with a text, the newest first.
// An empty text is for those that are confined to an agency or a subject.
func (w *Worklists) FindDossiers(ctx context.Context, text string, among Among, limit int) ([]FoundDossier, error) {
	if limit < 0 || limit > MaxSearchLimit {
		return nil, fault.New(fault.Invalid, CodeSearchLimit, "a search gives 1 to %d dossiers, not %d", MaxSearchLimit, limit)
	}
	if limit == 0 {
		limit = DefaultSearchLimit
	}
	if len(text) < MinSearchText && (text != "" || among.Everything) {
		return nil, fault.New(fault.Invalid, CodeSearchText, "give at least the first %d characters of a code", MinSearchText)
	}
	if !among.Everything && among.Agency == "" && among.Subject == "" {
		return []FoundDossier{}, nil
	}
	var s scope
	if text != "" {
		s.add("startsWith(code, {text:String})", "text", text)
	}
	if !among.Everything {
		s.add(`(({agency:String} != '' AND {agency:String} IN (support_agency, receiving_agency, competent_agency, holder_agency))
    OR ({subject:String} != '' AND applicant = {subject:String}))`, "agency", among.Agency)
		s.args = append(s.args, clickhouse.Named("subject", among.Subject))
	}
	type row struct {
		Code      string     `ch:"code"`
		Source    string     `ch:"source"`
		Procedure string     `ch:"procedure"`
		Status    uint8      `ch:"status"`
		Phase     string     `ch:"phase"`
		Agency    string     `ch:"holder_agency"`
		DueAt     *time.Time `ch:"due_at"`
		UpdatedAt time.Time  `ch:"last_at"`
		Revision  uint32     `ch:"revision"`
	}
	rows, err := read[row](ctx, w.db, "dossiers", `
SELECT code, source, procedure, status, phase, holder_agency, due_at, last_at, revision
FROM dossiers FINAL`+s.dossiers()+`
ORDER BY last_at DESC, code
LIMIT {row_limit:UInt64}`, append(s.args, clickhouse.Named("row_limit", limit)))
	if err != nil {
		return nil, err
	}
	found := make([]FoundDossier, len(rows))
	for i, r := range rows {
		found[i] = FoundDossier{
			Code: r.Code, Source: r.Source, Procedure: r.Procedure, Status: r.Status, Phase: r.Phase,
			Agency: r.Agency, DueAt: instant(r.DueAt), UpdatedAt: Instant{r.UpdatedAt.UTC()}, Revision: r.Revision,
		}
	}
	return found, nil
}
