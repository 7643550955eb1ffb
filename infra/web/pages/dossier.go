package pages

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"dossierledger/domain/dossier"
	"dossierledger/domain/fault"
	"dossierledger/infra/web/policy"
	"dossierledger/queries"
)

type dossierPage struct {
	queries.Timeline
	Code       string
	Tone       string // of the status: good, warn, bad, calm
	Bars       []stepBar
	Use        *useBar
	Clock      []clockRow
	Days       []timelineDay
	Documents  int // papers that lie in the dossier
	Components int // of different kinds
	NextStep   *queries.Named
	Overdue    bool
	Replay     bool // the reader may step through the revisions
	Details    bool
	Legacy     bool
	Resources  int // of a history: who had a part
	Took       int64
}

// useBar is how much of the promised term is used, as a bar.
type useBar struct {
	Used, Over, Remaining float64 // hundredths of the bar
	Seconds, Promised     int64
}

// stepBar is a step's promise against what happened, on a scale that all steps share.
type stepBar struct {
	queries.StepProgress
	Tone                  string
	Shown                 string  // the verdict, as it is shown
	PromisedW, UsedW      float64 // hundredths of the scale
	OverX, OverW, WaitedW float64
	WaitedX               float64
}

// clockRow is one event of the clock: what happened to the appointment.
type clockRow struct {
	At     queries.Instant
	Action string
	Cause  string
	Before *queries.Instant
	After  *queries.Instant
	Moved  bool
}

type timelineDay struct {
	Day     time.Time
	Entries []timelineEntry
}

type timelineEntry struct {
	queries.Entry
	Tone    string
	Details []labelled
}

type labelled struct{ Label, Value string }

func (v *visit) dossier() error {
	c, err := v.load(policy.ReadStatus)
	if err != nil {
		return err
	}
	concerned := v.can(policy.ReadDossier, policy.Resource{Dossier: &c.State})
	timeline, err := v.Dossiers.TimelineOf(v.ctx, c, queries.View{Concerned: concerned})
	if err != nil {
		return err
	}
	page := dossierPage{
		Timeline: timeline, Code: c.Code, Legacy: c.Source != "", Documents: len(c.State.Documents),
		Replay:  v.can(policy.ReadHistory, policy.Resource{Dossier: &c.State}),
		Details: concerned && c.State.Exists(),
	}
	page.Components = distinctComponents(c.State)
	page.Tone, page.Overdue = toneOf(timeline.Status)
	page.Use = useOf(timeline.Status.Timeliness)
	page.Bars = barsOf(timeline.Steps, timeline.Stuck == nil)
	page.Clock = v.clockRows(timeline.Entries)
	page.Days = v.days(timeline.Entries)
	if timeline.Stuck != nil {
		page.NextStep = nextStep(timeline.Steps)
	}
	if page.Legacy {
		page.Resources, page.Took = spanOf(timeline.Entries)
	}
	return v.show(http.StatusOK, "dossier", "find", v.text("dossier.title", c.Code), page)
}

// load reads the dossier that the path names, for one who may do an action with it.
func (v *visit) load(action policy.Action) (*queries.Case, error) {
	c, err := v.Dossiers.Load(v.ctx, v.param("code"))
	if fault.KindOf(err) == fault.Invalid {
		// What is no code is a dossier that there is not: the reader has mistyped.
		return nil, fault.New(fault.NotFound, codeNoDossier, "there is no such dossier")
	}
	if err != nil {
		return nil, err
	}
	return c, v.may(action, policy.Resource{Dossier: &c.State})
}

func distinctComponents(s dossier.State) int {
	seen := map[string]bool{}
	for _, d := range s.Documents {
		seen[d.Component] = true
	}
	return len(seen)
}

// toneOf tells how a dossier stands: bad is overdue or late, warn waits for the
// applicant or was refused, good is done.
func toneOf(s queries.Status) (tone string, overdue bool) {
	if s.Timeliness != nil && s.Timeliness.Kind == dossier.Overdue {
		return "bad", true
	}
	if s.Status == nil {
		return "calm", false
	}
	switch dossier.Status(s.Status.Code) {
	case dossier.StatusFinished, dossier.StatusDelivered:
		if s.Timeliness != nil && s.Timeliness.Kind == dossier.Late {
			return "warn", false
		}
		return "good", false
	case dossier.StatusSupplement, dossier.StatusObligation, dossier.StatusReceptionRefused, dossier.StatusStopped, dossier.StatusWithdrawn:
		return "warn", false
	}
	return "calm", false
}

func useOf(t *queries.TimelinessView) *useBar {
	if t == nil || t.PromisedSeconds <= 0 {
		return nil
	}
	whole := float64(max(t.UsedSeconds, t.PromisedSeconds))
	used := float64(min(t.UsedSeconds, t.PromisedSeconds))
	return &useBar{
		Used: rounded(100 * used / whole), Over: rounded(100 * float64(max(0, t.UsedSeconds-t.PromisedSeconds)) / whole),
		Remaining: rounded(100 * float64(max(0, t.PromisedSeconds-t.UsedSeconds)) / whole),
		Seconds:   t.UsedSeconds, Promised: t.PromisedSeconds,
	}
}

// rounded keeps pictures short: a tenth is finer than a pixel.
func rounded(v float64) float64 { return float64(int64(v*10+0.5)) / 10 }

// barsOf draws the steps. Of a step that was passed over, or that nobody began
// before the dossier ended, it would be wrong to say that it is still to come.
func barsOf(steps []queries.StepProgress, ended bool) []stepBar {
	longest := int64(1)
	for _, s := range steps {
		longest = max(longest, s.PromisedSeconds, s.UsedSeconds+s.WaitedSeconds)
	}
	share := func(seconds int64) float64 { return rounded(100 * float64(seconds) / float64(longest)) }
	tones := map[queries.StepVerdict]string{
		queries.StepNotStarted: "none", queries.StepRunning: "calm", queries.StepOverrun: "bad",
		queries.StepKept: "good", queries.StepExceeded: "bad",
	}
	last := -1 // the last step that somebody began
	for i, s := range steps {
		if s.Verdict != queries.StepNotStarted {
			last = i
		}
	}
	var bars []stepBar
	for i, s := range steps {
		b := stepBar{StepProgress: s, Tone: tones[s.Verdict], Shown: string(s.Verdict), PromisedW: share(s.PromisedSeconds)}
		if s.Verdict == queries.StepNotStarted && (ended || i < last) {
			b.Shown = "passed"
		}
		kept := s.UsedSeconds
		if s.PromisedSeconds > 0 {
			kept = min(kept, s.PromisedSeconds)
		}
		b.UsedW, b.OverX, b.OverW = share(kept), share(kept), share(s.UsedSeconds-kept)
		b.WaitedX, b.WaitedW = share(s.UsedSeconds), share(s.WaitedSeconds)
		bars = append(bars, b)
	}
	return bars
}

// nextStep is the first step that nobody began, behind the last that somebody did.
func nextStep(steps []queries.StepProgress) *queries.Named {
	next := 0
	for i, s := range steps {
		if s.Verdict != queries.StepNotStarted {
			next = i + 1
		}
	}
	if next < len(steps) {
		return &steps[next].Step
	}
	return nil
}

func (v *visit) clockRows(entries []queries.Entry) []clockRow {
	var rows []clockRow
	for _, e := range entries {
		for _, c := range e.Clock {
			rows = append(rows, clockRow{
				At: e.OccurredAt, Action: v.code("clock", string(c.Action)), Cause: v.cause(c.Cause),
				Before: c.PreviousDue, After: c.Due,
				Moved: c.PreviousDue != nil && c.Due != nil && !c.PreviousDue.Equal(c.Due.Time),
			})
		}
	}
	return rows
}

// cause names what moved the clock: "supplement-1" is "yêu cầu bổ sung 1".
func (v *visit) cause(cause string) string {
	name, rest, numbered := strings.Cut(cause, "-")
	if _, known := messages["cause."+name]; !known {
		return cause
	}
	if !numbered {
		return v.code("cause", name)
	}
	return v.code("cause", name) + " " + rest
}

// days groups entries by the day in Vietnam, the newest first.
func (v *visit) days(entries []queries.Entry) []timelineDay {
	var days []timelineDay
	for _, e := range slices.Backward(entries) {
		at := e.OccurredAt.In(ict)
		day := time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, ict)
		if len(days) == 0 || !days[len(days)-1].Day.Equal(day) {
			days = append(days, timelineDay{Day: day})
		}
		last := &days[len(days)-1]
		last.Entries = append(last.Entries, timelineEntry{Entry: e, Tone: entryTone(e), Details: v.inWords(e.Details)})
	}
	return days
}

// entryTone marks what a reader looks for in a long list.
func entryTone(e queries.Entry) string {
	switch e.Activity {
	case "dossier.received.v1", "dossier.result-issued.v1", "dossier.result-delivered.v1":
		return "good"
	case "dossier.supplement-requested.v1", "dossier.fee-assessed.v1", "dossier.obligation-imposed.v1", "dossier.deadline-extended.v1", "dossier.step-returned.v1":
		return "warn"
	case "dossier.reception-refused.v1", "dossier.rejected.v1", "dossier.stopped.v1", "dossier.supplement-expired.v1":
		return "bad"
	}
	return "calm"
}

// inWords puts the names and values of details into words.
func (v *visit) inWords(details []queries.Detail) []labelled {
	var out []labelled
	for _, d := range details {
		// Whoever did it and the step stand in the entry already.
		if d.Name == "agency" || d.Name == "department" || d.Name == "lifecycle" && d.Value == "" {
			continue
		}
		out = append(out, labelled{v.code("field", d.Name), v.value(d.Name, d.Value)})
	}
	return out
}

func spanOf(entries []queries.Entry) (resources int, seconds int64) {
	seen := map[string]bool{}
	var first, last time.Time
	for _, e := range entries {
		if e.By.Officer != "" {
			seen[e.By.Officer] = true
		}
		if e.Activity == legacyDescription {
			continue
		}
		if first.IsZero() || e.OccurredAt.Before(first) {
			first = e.OccurredAt.Time
		}
		if e.OccurredAt.After(last) {
			last = e.OccurredAt.Time
		}
	}
	return len(seen), int64(last.Sub(first) / time.Second)
}
