package procedure

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"dossierledger/domain/fault"
	"dossierledger/domain/worktime"
	"golang.org/x/text/unicode/norm"
)

// Limits of a version. They keep one version well below the largest event.
const (
	MaxText       = 2000 // bytes of one text in one language
	MaxComponents = 100
	MaxFees       = 50
	MaxSteps      = 50
	MaxNorms      = 100
	MaxKeywords   = 50
	// MaxAmount bounds one fee, in đồng, so that sums cannot overflow.
	MaxAmount int64 = 1_000_000_000_000
)

var (
	codePattern = regexp.MustCompile(`^\d\.\d{6}$`)
	slugPattern = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	itemPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
)

// Problem is one rule that a version breaks.
type Problem struct {
	Path string // where, as in "steps[2].share"
	Rule string // what should be there
}

// Validate checks the version against the rules of the catalogue and reports
// every one it breaks, as a fault that is ErrInvalid; Missing names the places.
func (v Version) Validate() error {
	problems := v.Problems()
	if len(problems) == 0 {
		return nil
	}
	lines := make([]string, len(problems))
	paths := make([]string, len(problems))
	for i, p := range problems {
		lines[i] = p.Path + ": " + p.Rule
		paths[i] = p.Path
	}
	return fault.New(ErrInvalid.Kind, ErrInvalid.Code, "procedure %s version %d: %s",
		v.Code, v.Number, strings.Join(lines, "; ")).Lacking(paths...)
}

// Problems lists every rule of the catalogue that the version breaks.
func (v Version) Problems() []Problem {
	var c checker
	c.check(codePattern.MatchString(v.Code), "code", "is one digit, a dot and six digits, like 1.000894")
	c.check(v.Number >= 1, "number", "counts from 1")
	c.text("name", v.Name)
	c.text("summary", v.Summary)
	c.check(slugPattern.MatchString(v.Field), "field", "is a slug like civil-status")
	oneOf(&c, "class", v.Class, AdministrativeService, PublicCareerService, PublicUtilityService)
	oneOf(&c, "competent", v.Competent, TierMinistry, TierProvince, TierCommune)
	oneOf(&c, "form_set", v.FormSet, "2018", "2025")
	each(&c, "audience", v.Audience, 1, 3, func(path string, a Audience) {
		oneOf(&c, path, a, Citizen, Enterprise, HouseholdBusiness)
	})
	each(&c, "delivery", v.Delivery, 1, 3, func(path string, d Channel) {
		oneOf(&c, path, d, InPerson, Online, ByPost)
	})
	each(&c, "life_events", v.LifeEvents, 0, 20, func(path, slug string) {
		c.check(slugPattern.MatchString(slug), path, "is a slug like birth")
	})
	each(&c, "keywords", v.Keywords, 0, MaxKeywords, func(path, k string) { c.line(path, k) })
	each(&c, "agencies", v.Agencies, 0, 5000, func(path, id string) { c.line(path, id) })
	v.checkLevel(&c)
	v.checkDeadlines(&c)
	v.checkComponents(&c)
	v.checkFees(&c)
	v.checkSteps(&c)
	v.checkSupplement(&c)
	v.checkClock(&c)
	v.checkNorms(&c)
	c.text("result.name", v.Result.Name)
	c.check(itemPattern.MatchString(v.Result.Code), "result.code", "is the code of the result's kind")
	c.check(v.Result.ValidYears >= 0 && v.Result.ValidYears <= 100, "result.valid_years", "is 0 (no end) to 100")
	c.check(v.Retention.Permanent || v.Retention.Years >= 1 && v.Retention.Years <= 200, "retention.years", "is 1 to 200, or permanent is set")
	c.line("retention.basis", v.Retention.Basis)
	return c.problems
}

// checkLevel holds the level against what the version offers, so that a portal
// which switches features by level cannot contradict the version.
func (v Version) checkLevel(c *checker) {
	c.check(v.Level >= Level1 && v.Level <= Level4, "level", "is 1 to 4")
	oneOf(c, "modern", v.Modern, InformationOnly, PartialOnline, FullOnline)
	c.check(v.Modern != FullOnline || v.Level == Level4, "modern", "full needs level 4: everything online, to the result")
	c.check(v.Modern != InformationOnly || v.Level <= Level2, "modern", "information-only ends at level 2; from level 3 dossiers come in online")
	c.check(v.Modern == InformationOnly || v.Level >= Level2, "modern", "level 1 is information-only")
	hasForm := slices.ContainsFunc(v.Components, func(p Component) bool { return p.Template != "" })
	c.check(v.Level < Level2 || hasForm, "components", "from level 2 on at least one has a template to download")
	_, online := v.Deadlines[Online]
	c.check(!online || v.Level >= Level3, "deadlines.online", "needs level 3: below it nothing comes in online")
	c.check(!slices.Contains(v.Delivery, Online) || v.Level == Level4, "delivery", "an online result needs level 4")
	c.check(!slices.Contains(v.Delivery, Online) || v.Result.Electronic, "result.electronic", "an online result is an electronic document")
	c.check(v.Modern != FullOnline || slices.Contains(v.Delivery, Online) || slices.Contains(v.Delivery, ByPost), "delivery", "full online hands the result over online or by post")
	for i, f := range v.Fees {
		c.check(f.OnlineAmount == nil || v.Level >= Level3, fmt.Sprintf("fees[%d].online_amount", i), "needs level 3")
	}
}

func (v Version) checkDeadlines(c *checker) {
	_, general := v.Deadlines[""]
	_, desk := v.Deadlines[InPerson]
	_, post := v.Deadlines[ByPost]
	_, online := v.Deadlines[Online]
	c.check(general || desk && post && (online || v.Level < Level3), "deadlines", `has the "" entry or one for each channel`)
	for channel, term := range v.Deadlines {
		path := "deadlines." + string(channel)
		if channel != "" {
			oneOf(c, path, channel, InPerson, Online, ByPost)
		}
		c.term(path, term)
	}
}

func (v Version) checkComponents(c *checker) {
	each(c, "components", v.Components, 1, MaxComponents, func(path string, p Component) {
		c.check(itemPattern.MatchString(p.Code), path+".code", "is letters, digits, dots and hyphens, up to 64")
		c.text(path+".name", p.Name)
		c.check(p.Originals >= 0 && p.Copies >= 0, path, "counts of originals and copies are not negative")
		c.check(!strings.ContainsAny(p.Template, `/\`) && p.Template != "..", path+".template", "is a file name without a folder")
	})
	c.unique("components", len(v.Components), func(i int) string { return v.Components[i].Code })
}

func (v Version) checkFees(c *checker) {
	each(c, "fees", v.Fees, 0, MaxFees, func(path string, f Fee) {
		c.check(itemPattern.MatchString(f.Code), path+".code", "is letters, digits, dots and hyphens, up to 64")
		c.text(path+".name", f.Name)
		oneOf(c, path+".kind", f.Kind, Charge, StatutoryFee)
		c.check(f.Amount >= 0 && f.Amount <= MaxAmount, path+".amount", "is 0 to 10^12 đồng")
		c.check(f.OnlineAmount == nil || *f.OnlineAmount >= 0 && *f.OnlineAmount <= MaxAmount, path+".online_amount", "is 0 to 10^12 đồng")
		c.line(path+".legal_basis", f.LegalBasis)
		for i, e := range f.Exemptions {
			where := fmt.Sprintf("%s.exemptions[%d]", path, i)
			c.check(itemPattern.MatchString(e.Code), where+".code", "is letters, digits, dots and hyphens, up to 64")
			c.text(where+".name", e.Name)
			c.check(e.Percent >= 1 && e.Percent <= 100, where+".percent", "is 1 to 100")
		}
		c.unique(path+".exemptions", len(f.Exemptions), func(i int) string { return f.Exemptions[i].Code })
	})
	c.unique("fees", len(v.Fees), func(i int) string { return v.Fees[i].Code })
}

func (v Version) checkSteps(c *checker) {
	total := 0
	each(c, "steps", v.Steps, 1, MaxSteps, func(path string, s Step) {
		c.check(slugPattern.MatchString(s.Code), path+".code", "is a slug like appraisal")
		c.text(path+".name", s.Name)
		c.check(slugPattern.MatchString(s.Department), path+".department", "is a slug like one-stop")
		c.check(s.Share >= 0 && s.Share <= 100, path+".share", "is 0 to 100")
		total += s.Share
	})
	c.check(total == 100, "steps", fmt.Sprintf("the shares sum to 100, not %d", total))
	c.unique("steps", len(v.Steps), func(i int) string { return v.Steps[i].Code })
}

func (v Version) checkSupplement(c *checker) {
	each(c, "supplement.rules", v.Supplement.Rules, 0, 2, func(path string, r SupplementRule) {
		oneOf(c, path+".phase", r.Phase, PhaseReception, PhaseProcessing)
		c.check(r.Max >= 0 && r.Max <= 9, path+".max", "is 0 to 9")
		if r.Max == 0 {
			return
		}
		c.term(path+".wait", r.Wait)
		oneOf(c, path+".on_answer", r.OnAnswer, Resume, Restart)
		oneOf(c, path+".on_expiry", r.OnExpiry, StopDossier, RefuseDossier, KeepWaiting)
	})
	c.unique("supplement.rules", len(v.Supplement.Rules), func(i int) string { return string(v.Supplement.Rules[i].Phase) })
}

func (v Version) checkClock(c *checker) {
	c.check(v.Clock.MaxExtensions >= 0 && v.Clock.MaxExtensions <= 9, "clock.max_extensions", "is 0 to 9")
	if v.Clock.CutOff != "" {
		_, err := time.Parse("15:04", v.Clock.CutOff)
		c.check(err == nil && len(v.Clock.CutOff) == 5, "clock.cut_off", "is an hour like 15:00")
	}
	c.check(!v.Clock.SameDay || v.Clock.CutOff != "", "clock.cut_off", "same-day procedures say until when a dossier counts for the day")
}

func (v Version) checkNorms(c *checker) {
	each(c, "legal_basis", v.LegalBasis, 1, MaxNorms, func(path string, b LegalBasis) {
		c.line(path+".norm", b.Norm)
		c.check(!b.EffectiveFrom.IsZero(), path+".effective_from", "is the day from which the norm holds")
		c.check(b.EffectiveTo == nil || b.EffectiveTo.After(b.EffectiveFrom), path+".effective_to", "is later than effective_from")
	})
}

type checker struct{ problems []Problem }

func (c *checker) check(ok bool, path, rule string) {
	if !ok {
		c.problems = append(c.problems, Problem{Path: path, Rule: rule})
	}
}

// line wants a short, non-empty NFC text on one line.
func (c *checker) line(path, s string) {
	c.check(strings.TrimSpace(s) != "", path, "is not empty")
	c.check(len(s) <= MaxText, path, fmt.Sprintf("has at most %d bytes", MaxText))
	c.check(norm.NFC.IsNormalString(s) && !strings.ContainsAny(s, "\r\n\x00"), path, "is one line of NFC text")
}

func (c *checker) text(path string, t Text) {
	c.line(path+".vi", t.VI)
	if t.EN != "" {
		c.line(path+".en", t.EN)
	}
}

func (c *checker) term(path string, t worktime.Term) {
	oneOf(c, path+".unit", t.Unit, worktime.WorkingHours, worktime.WorkingDays, worktime.CalendarDays)
	c.check(t.Amount >= 1 && t.Amount <= 10_000, path+".amount", "is 1 to 10000")
}

func (c *checker) unique(path string, n int, key func(int) string) {
	seen := make(map[string]bool, n)
	for i := range n {
		k := key(i)
		c.check(!seen[k], fmt.Sprintf("%s[%d]", path, i), fmt.Sprintf("%q is there twice", k))
		seen[k] = true
	}
}

func oneOf[T ~string](c *checker, path string, got T, allowed ...T) {
	names := make([]string, len(allowed))
	for i, a := range allowed {
		names[i] = string(a)
	}
	c.check(slices.Contains(allowed, got), path, "is one of "+strings.Join(names, ", "))
}

// each bounds a list and checks its members; members of a list of names are unique.
func each[T any](c *checker, path string, list []T, least, most int, member func(path string, item T)) {
	c.check(len(list) >= least && len(list) <= most, path, fmt.Sprintf("has %d to %d members", least, most))
	if len(list) > most {
		return
	}
	seen := map[any]bool{}
	for i, item := range list {
		where := fmt.Sprintf("%s[%d]", path, i)
		switch key := any(item).(type) {
		case string, Audience, Channel:
			c.check(!seen[key], where, fmt.Sprintf("%v is there twice", key))
			seen[key] = true
		}
		member(where, item)
	}
}
