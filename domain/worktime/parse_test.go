package worktime_test

import (
	"encoding/json"
	"testing"
	"time"

	"dossierledger/domain/fault"
	"dossierledger/domain/worktime"
)

func TestParseClock(t *testing.T) {
	for text, want := range map[string]worktime.Clock{"00:00": 0, "7:30": 450, "07:30": 450, "15:00": 900, "23:59": 1439, "24:00": 1440} {
		if got, err := worktime.ParseClock(text); err != nil || got != want {
			t.Errorf("%q is %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", ":", "7", "7:3", "7:60", "24:01", "-1:00", "+7:00", "07:30:00", "15h00", "١٥:٠٠", "007:30", " 7:30"} {
		if got, err := worktime.ParseClock(text); fault.CodeOf(err) != "worktime.invalid-clock" {
			t.Errorf("%q is %d, %v", text, got, err)
		}
	}
}

func TestParseWindows(t *testing.T) {
	got, err := worktime.ParseWindows(" 07:30 - 11:30, 13:00-17:00 ")
	if err != nil || got.String() != "07:30-11:30,13:00-17:00" || got.Length() != 8*time.Hour {
		t.Errorf("%v, %v", got, err)
	}
	if none, err := worktime.ParseWindows(" "); err != nil || len(none) != 0 {
		t.Errorf("no windows: %v, %v", none, err)
	}
	for text, code := range map[string]string{
		"07:30":                   "worktime.invalid-windows",
		"11:30-07:30":             "worktime.invalid-windows",
		"07:30-07:30":             "worktime.invalid-windows",
		"13:00-17:00,07:30-11:30": "worktime.invalid-windows",
		"07:30-12:00,11:00-17:00": "worktime.invalid-windows",
		"07:30-12:00,12:00-17:00": "worktime.invalid-windows",
		"07:30-12:00,":            "worktime.invalid-windows",
		"7-11":                    "worktime.invalid-clock",
		"1:00-2:00,3:00-4:00,5:00-6:00,7:00-8:00,9:00-10:00,11:00-12:00,13:00-14:00,15:00-16:00,17:00-18:00": "worktime.invalid-windows",
	} {
		if got, err := worktime.ParseWindows(text); fault.CodeOf(err) != code {
			t.Errorf("%q is %v, %v, want %s", text, got, err, code)
		}
	}
}

func TestDatesInJSON(t *testing.T) {
	var read struct{ Day, None worktime.Date }
	if err := json.Unmarshal([]byte(`{"Day":"2026-02-17","None":""}`), &read); err != nil {
		t.Fatal(err)
	}
	if read.Day != worktime.On(2026, 2, 17) || !read.None.IsZero() {
		t.Errorf("read %+v", read)
	}
	for _, bad := range []string{`"2026-02-30"`, `"17/2/2026"`, `"0000-01-01"`, `"2026-2-17"`, `5`} {
		var d worktime.Date
		if err := json.Unmarshal([]byte(bad), &d); err == nil {
			t.Errorf("%s is read as %s", bad, d)
		}
	}
}

func TestDatesAreThoseOfVietnam(t *testing.T) {
	if got := worktime.DateOf(time.Date(2026, 2, 16, 17, 0, 0, 0, time.UTC)); got.String() != "2026-02-17" {
		t.Errorf("17:00 UTC is on %s", got)
	}
	if got := worktime.On(2026, 2, 17).At(9 * 60); !got.Equal(time.Date(2026, 2, 17, 2, 0, 0, 0, time.UTC)) {
		t.Errorf("nine o'clock is %s", got)
	}
}

func FuzzParseClock(f *testing.F) {
	for _, seed := range []string{"15:00", "7:30", "24:00", "", "99:99", "1:2", "ab:cd"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		clock, err := worktime.ParseClock(text)
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Fatalf("%q: %v is no refusal", text, err)
			}
			return
		}
		if clock < 0 || clock > 1440 {
			t.Fatalf("%q is %d", text, clock)
		}
		if again, err := worktime.ParseClock(clock.String()); err != nil || again != clock {
			t.Fatalf("%q is %s, which is %s, %v", text, clock, again, err)
		}
	})
}

func FuzzParseWindows(f *testing.F) {
	for _, seed := range []string{"07:30-11:30,13:00-17:00", "", "0:00-24:00", "11:30-07:30", "7:30-", ",,", "7:30-11:30-12:00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		windows, err := worktime.ParseWindows(text)
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Fatalf("%q: %v is no refusal", text, err)
			}
			return
		}
		if err := windows.Validate(); err != nil {
			t.Fatalf("%q was read as %v: %v", text, windows, err)
		}
		if length := windows.Length(); length < 0 || length > 24*time.Hour {
			t.Fatalf("%q has %s", text, length)
		}
		if again, err := worktime.ParseWindows(windows.String()); err != nil || again.String() != windows.String() {
			t.Fatalf("%q is %s, which is %s, %v", text, windows, again, err)
		}
	})
}

func FuzzParseDate(f *testing.F) {
	for _, seed := range []string{"2026-02-17", "", "2024-02-29", "2023-02-29", "0000-01-01", "9999-12-31"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := worktime.ParseDate(text)
		if err == nil && d.String() != text {
			t.Fatalf("%q is %s", text, d)
		}
	})
}
