package worktime_test

import (
	"reflect"
	"testing"
	"time"

	"dossierledger/domain/event"
	"dossierledger/domain/fault"
	"dossierledger/domain/worktime"
)

func TestDecide(t *testing.T) {
	now := at(t, "2026-11-23 09:00").UTC()
	earlier := at(t, "2026-11-20 08:00").UTC()
	national := worktime.StandardState()
	agency := fold(worktime.Opened{Scope: "H15.50", AnnouncedAt: earlier}).Over(national)
	swapped := worktime.SwapAnnounced{Off: worktime.On(2027, 4, 15), Worked: worktime.On(2027, 4, 17), AnnouncedAt: earlier, Basis: "notice"}
	withSwap := worktime.Evolve(national, event.Event{Payload: swapped})
	closure := worktime.HolidayDeclared{Code: "flood", Name: worktime.Name{VI: "Nghỉ do lũ"}, On: worktime.On(2026, 12, 1), AnnouncedAt: earlier, Basis: "notice"}
	withClosure := worktime.Evolve(agency, event.Event{Payload: closure})
	morning := windows(t, "07:30-11:30")
	hours := windows(t, "08:00-12:00,13:00-17:00")

	for _, tt := range []struct {
		name  string
		given worktime.State
		when  worktime.Command
		then  []event.Payload
		code  string
	}{
		{"opens an agency's calendar", worktime.State{}, worktime.Open{Scope: "H15.50", Windows: hours, Basis: "QĐ"},
			[]event.Payload{worktime.Opened{Scope: "H15.50", Windows: hours, AnnouncedAt: now, Basis: "QĐ"}}, ""},
		{"opens the national calendar with all notices", worktime.State{}, worktime.Open{Scope: worktime.National}, worktime.NationalNotices(), ""},
		{"stays quiet when it is open", agency, worktime.Open{Scope: "H15.50"}, nil, ""},
		{"refuses to open another's calendar", agency, worktime.Open{Scope: "H15.51"}, nil, "worktime.other-scope"},
		{"refuses a calendar of nobody", worktime.State{}, worktime.Open{}, nil, "worktime.no-scope"},
		{"refuses to open with overlapping hours", worktime.State{}, worktime.Open{Scope: "H15.50", Windows: worktime.Windows{{Open: 60, Close: 120}, {Open: 120, Close: 180}}}, nil, "worktime.invalid-windows"},
		{"refuses anything before the opening", worktime.State{}, worktime.SetWindows{From: worktime.On(2027, 1, 1), Windows: hours}, nil, "worktime.not-opened"},

		{"sets working hours", agency, worktime.SetWindows{From: worktime.On(2027, 1, 1), Windows: hours, Basis: "QĐ"},
			[]event.Payload{worktime.WindowsSet{From: worktime.On(2027, 1, 1), Windows: hours, AnnouncedAt: now, Basis: "QĐ"}}, ""},
		{"stays quiet on the same hours", worktime.Evolve(agency, event.Event{Payload: worktime.WindowsSet{From: worktime.On(2027, 1, 1), Windows: hours}}),
			worktime.SetWindows{From: worktime.On(2027, 1, 1), Windows: hours}, nil, ""},
		{"refuses no hours", agency, worktime.SetWindows{From: worktime.On(2027, 1, 1)}, nil, "worktime.invalid-windows"},
		{"refuses hours from nowhen", agency, worktime.SetWindows{Windows: hours}, nil, "worktime.outside-horizon"},
		{"refuses an announcement of the future", agency, worktime.SetWindows{From: worktime.On(2027, 1, 1), Windows: hours, AnnouncedAt: now.Add(1)}, nil, "worktime.announced-in-future"},

		{"sets Saturday reception", agency, worktime.SetSaturdayReception{From: worktime.On(2027, 1, 1), Windows: morning},
			[]event.Payload{worktime.SaturdayReceptionSet{From: worktime.On(2027, 1, 1), Windows: morning, AnnouncedAt: now}}, ""},
		{"refuses Saturday hours that overlap", agency, worktime.SetSaturdayReception{From: worktime.On(2027, 1, 1), Windows: worktime.Windows{{Open: 100, Close: 90}}}, nil, "worktime.invalid-windows"},
		{"refuses Saturday reception after the horizon", agency, worktime.SetSaturdayReception{From: worktime.On(2041, 1, 1), Windows: morning}, nil, "worktime.outside-horizon"},

		{"announces a swap", national, worktime.AnnounceSwap(swapped), []event.Payload{swapped}, ""},
		{"stays quiet on a swap that is known", withSwap, worktime.AnnounceSwap(swapped), nil, ""},
		{"refuses to give a holiday free", national, worktime.AnnounceSwap{Off: worktime.On(2027, 4, 16), Worked: worktime.On(2027, 4, 17)}, nil, "worktime.swap-off-not-a-workday"},
		{"refuses to give a swapped day free again", withSwap, worktime.AnnounceSwap{Off: swapped.Off, Worked: worktime.On(2027, 4, 24)}, nil, "worktime.swap-off-not-a-workday"},
		{"refuses to work on a weekday instead", national, worktime.AnnounceSwap{Off: worktime.On(2027, 4, 15), Worked: worktime.On(2027, 4, 19)}, nil, "worktime.swap-worked-not-at-rest"},
		{"refuses to work on a make-up day again", withSwap, worktime.AnnounceSwap{Off: worktime.On(2027, 4, 14), Worked: swapped.Worked}, nil, "worktime.swap-worked-not-at-rest"},
		{"refuses to work on a holiday", national, worktime.AnnounceSwap{Off: worktime.On(2027, 2, 3), Worked: worktime.On(2027, 2, 6)}, nil, "worktime.swap-worked-not-at-rest"},
		{"refuses a swap without dates", national, worktime.AnnounceSwap{}, nil, "worktime.outside-horizon"},

		{"revokes a swap", withSwap, worktime.RevokeSwap{Off: swapped.Off, Basis: "notice"},
			[]event.Payload{worktime.SwapRevoked{Off: swapped.Off, AnnouncedAt: now, Basis: "notice"}}, ""},
		{"lets an agency revoke a national swap", agency, worktime.RevokeSwap{Off: worktime.On(2026, 8, 31)},
			[]event.Payload{worktime.SwapRevoked{Off: worktime.On(2026, 8, 31), AnnouncedAt: now}}, ""},
		{"stays quiet on a swap that is revoked", worktime.Evolve(withSwap, event.Event{Payload: worktime.SwapRevoked{Off: swapped.Off}}),
			worktime.RevokeSwap{Off: swapped.Off}, nil, ""},
		{"finds no swap to revoke", national, worktime.RevokeSwap{Off: swapped.Off}, nil, "worktime.no-such-swap"},

		{"declares a closure", agency, worktime.DeclareHoliday(closure), []event.Payload{closure}, ""},
		{"stays quiet on a known closure", withClosure, worktime.DeclareHoliday(closure), nil, ""},
		{"refuses a holiday without a name", agency, worktime.DeclareHoliday{Code: "x", On: worktime.On(2026, 12, 1)}, nil, "worktime.holiday-unnamed"},
		{"refuses a holiday without a date", agency, worktime.DeclareHoliday{Code: "x", Name: worktime.Name{VI: "x"}}, nil, "worktime.holiday-undated"},
		{"refuses 30 February", agency, worktime.DeclareHoliday{Code: "x", Name: worktime.Name{VI: "x"}, Month: 2, Day: 30}, nil, "worktime.holiday-undated"},
		{"refuses a date after the horizon", agency, worktime.DeclareHoliday{Code: "x", Name: worktime.Name{VI: "x"}, On: worktime.On(2050, 1, 1)}, nil, "worktime.outside-horizon"},
		{"refuses to declare what the law has", agency, worktime.DeclareHoliday{Code: worktime.Tet, Name: worktime.Name{VI: "x"}, On: worktime.On(2026, 12, 1)}, nil, "worktime.holiday-statutory"},
		{"revokes a closure", withClosure, worktime.RevokeHoliday{Code: "flood"},
			[]event.Payload{worktime.HolidayRevoked{Code: "flood", AnnouncedAt: now}}, ""},
		{"stays quiet on a revoked closure", worktime.Evolve(withClosure, event.Event{Payload: worktime.HolidayRevoked{Code: "flood"}}),
			worktime.RevokeHoliday{Code: "flood"}, nil, ""},
		{"finds no closure to revoke", agency, worktime.RevokeHoliday{Code: "flood"}, nil, "worktime.no-such-holiday"},

		{"sets the days of Tết", national, worktime.SetHolidayDays{Holiday: worktime.Tet, Year: 2027, Days: []worktime.Date{worktime.On(2027, 2, 5), worktime.On(2027, 2, 6)}},
			[]event.Payload{worktime.HolidayDaysSet{Holiday: worktime.Tet, Year: 2027, Days: []worktime.Date{worktime.On(2027, 2, 5), worktime.On(2027, 2, 6)}, AnnouncedAt: now}}, ""},
		{"refuses days of another year", national, worktime.SetHolidayDays{Holiday: worktime.Tet, Year: 2027, Days: []worktime.Date{worktime.On(2028, 2, 5)}}, nil, "worktime.holiday-undated"},
		{"refuses a day twice", national, worktime.SetHolidayDays{Holiday: worktime.Tet, Year: 2027, Days: []worktime.Date{worktime.On(2027, 2, 5), worktime.On(2027, 2, 5)}}, nil, "worktime.holiday-undated"},
		{"refuses no days", national, worktime.SetHolidayDays{Holiday: worktime.Tet, Year: 2027}, nil, "worktime.holiday-undated"},
		{"refuses days before the horizon", national, worktime.SetHolidayDays{Holiday: worktime.Tet, Year: 2001, Days: []worktime.Date{worktime.On(2001, 2, 5)}}, nil, "worktime.outside-horizon"},
		{"refuses a holiday that the law does not have", national, worktime.SetHolidayDays{Holiday: "carnival", Year: 2027, Days: []worktime.Date{worktime.On(2027, 2, 5)}}, nil, "worktime.no-such-holiday"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := worktime.Decide(tt.given, tt.when, now)
			if fault.CodeOf(err) != tt.code || (err == nil) != (tt.code == "") {
				t.Fatalf("refused with %v, want %q", err, tt.code)
			}
			if !reflect.DeepEqual(got, tt.then) {
				t.Errorf("\n got %+v\nwant %+v", got, tt.then)
			}
		})
	}
}

func TestOpeningTheNationalCalendarGivesTheStandardOne(t *testing.T) {
	payloads, err := worktime.Decide(worktime.State{}, worktime.Open{Scope: worktime.National}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	s := fold(payloads...)
	if s.Scope != worktime.National || s.Calendar() != worktime.Standard() {
		t.Error("it is another calendar")
	}
	hours := windows(t, "08:00-12:00,13:00-17:00")
	payloads, err = worktime.Decide(worktime.State{}, worktime.Open{Scope: worktime.National, Windows: hours}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if got := show(fold(payloads...).CalendarAt(at(t, "2015-01-01 00:00")).Received(at(t, "2015-01-06 01:00"))); got != "2015-01-06 08:00" {
		t.Errorf("with other hours it opens at %s", got)
	}
}
