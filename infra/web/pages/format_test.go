package pages

import (
	"math"
	"testing"
	"time"

	"dossierledger/queries"
)

func TestNumbersAndTimesOfBothLanguages(t *testing.T) {
	vi, en := words(Vietnamese), words(English)
	at := time.Date(2026, 10, 8, 18, 5, 9, 0, time.UTC)
	for _, c := range []struct{ got, want string }{
		{vi.whole(1234567), "1.234.567"}, {en.whole(1234567), "1,234,567"}, {vi.whole(-1000), "−1.000"}, {vi.whole(999), "999"},
		{vi.decimal(1234.56, 1), "1.234,6"}, {en.decimal(1234.56, 1), "1,234.6"}, {vi.decimal(-0.04, 1), "0,0"}, {vi.decimal(-1.5, 1), "−1,5"},
		{vi.decimal(math.NaN(), 1), "–"}, {vi.trimmed(60), "60"}, {vi.percent(0.908), "90,8 %"}, {vi.money(135000), "135.000 ₫"},
		{vi.dateTime(at), "09/10/2026 01:05"}, {vi.date(at), "09/10/2026"}, {vi.clock(at), "01:05"},
		{vi.worked(2*28800 + 3*3600), "2 ngày 3 giờ làm việc"}, {en.worked(28800), "1 working day"}, {en.worked(2 * 3600), "2 working hours"},
		{vi.elapsed(86400 + 3600), "1 ngày 1 giờ"}, {vi.elapsed(0), "0 giây"}, {en.elapsed(61), "1 minute"}, {vi.elapsed(-60), "1 phút"},
		{vi.short(1.5 * 86400), "1,5 ngày"}, {en.short(40 * 60), "40 m"}, {vi.activity("step-started: appraisal"), "Bắt đầu: Thẩm định hồ sơ"},
		{vi.activity("Tiếp nhận: phiếu"), "Tiếp nhận: phiếu"},
	} {
		if c.got != c.want {
			t.Errorf("%q, not %q", c.got, c.want)
		}
	}
}

func TestASpreadsheetGetsNoFormula(t *testing.T) {
	for _, dangerous := range []string{"=1+1", "+1", "-1", "@x", "\t=1", "\r=1"} {
		if got := harmless(dangerous); got[0] != '\'' {
			t.Errorf("%q stays %q", dangerous, got)
		}
	}
	if harmless("Ký duyệt") != "Ký duyệt" || harmless("") != "" {
		t.Error("a plain text is changed")
	}
}

func TestPointersComeInTheOrderOfTheirPlaces(t *testing.T) {
	if comparePointers("/visits/9/step", "/visits/10/step") >= 0 || comparePointers("/a", "/a/0") >= 0 || comparePointers("/b", "/a") <= 0 {
		t.Error("the order is wrong")
	}
}

func TestAddressesKeepACodeInOnePart(t *testing.T) {
	if got := address("dossiers", "03706/2026 ?#"); got != "/dossiers/03706%2F2026%20%3F%23" {
		t.Error(got)
	}
}

func TestTheNextStepIsBehindTheLastThatWasBegun(t *testing.T) {
	step := func(code string, verdict queries.StepVerdict) queries.StepProgress {
		return queries.StepProgress{Step: queries.Named{Code: code}, Verdict: verdict}
	}
	next := nextStep([]queries.StepProgress{step("a", queries.StepKept), step("b", queries.StepNotStarted), step("c", queries.StepRunning), step("d", queries.StepNotStarted)})
	if next == nil || next.Code != "d" {
		t.Errorf("the next step is %v", next)
	}
	if nextStep([]queries.StepProgress{step("a", queries.StepRunning)}) != nil {
		t.Error("there is no step behind the last")
	}
}
