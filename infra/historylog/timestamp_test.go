package historylog

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestTimesThatAreRead(t *testing.T) {
	hanoi := time.FixedZone("ICT", 7*3600)
	for text, want := range map[string]string{
		"2024-05-02T08:00:00Z":                "2024-05-02T08:00:00Z",
		"2024-05-02t08:00:00z":                "2024-05-02T08:00:00Z",
		"2024-05-02T08:00:00+07:00":           "2024-05-02T01:00:00Z",
		"2024-05-02T08:00:00-0330":            "2024-05-02T11:30:00Z",
		"2024-05-02T08:00:00+07":              "2024-05-02T01:00:00Z",
		"2024-05-02 08:00:00.5+07:00":         "2024-05-02T01:00:00.5Z",
		"2024-05-02 08:00:00 +07:00":          "2024-05-02T01:00:00Z",
		"2024-05-02 08:00:00 UTC":             "2024-05-02T08:00:00Z",
		"2024-05-02 08:00:00,123":             "2024-05-02T01:00:00.123Z",
		"2024-05-02T08:00:00.1234567899999":   "2024-05-02T01:00:00.123456789Z",
		" 2024-05-02 08:00 ":                  "2024-05-02T01:00:00Z",
		"2024/05/02 08:00:00.000":             "2024-05-02T01:00:00Z",
		"2024-05-02":                          "2024-05-01T17:00:00Z",
		"2024-02-29T23:59:59Z":                "2024-02-29T23:59:59Z",
		"1900-01-01T00:00:00Z":                "1900-01-01T00:00:00Z",
		"2261-12-31T23:59:59.999999999+00:00": "2261-12-31T23:59:59.999999999Z",
	} {
		got, _, err := (&timeParser{location: hanoi}).parse(text)
		if err != nil || !got.Equal(instant(t, want)) || got.Location() != time.UTC {
			t.Errorf("%q: %v, %v, not %s", text, got, err, want)
		}
	}
}

func TestTimesThatAreNotRead(t *testing.T) {
	for _, text := range []string{
		"", "now", "02/05/2024", "02/05/2024 08:00", "2024-5-2", "2024-13-01", "2024-00-01", "2023-02-29", "2024-04-31", "2024-05-00",
		"2024-05-02T", "2024-05-02T8:00", "2024-05-02T24:00:00", "2024-05-02T23:60:00", "2024-05-02T23:59:60", "2024-05-02T08:00:00.", "2024-05-02T08:00:00+",
		"2024-05-02T08:00:00+7", "2024-05-02T08:00:00+24:00", "2024-05-02T08:00:00+07:60", "2024-05-02T08:00:00Zulu", "2024-05/02", "20240502", "1714608000",
		"1899-12-31T23:59:59Z", "2262-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31", "2024-05-02x08:00",
	} {
		if got, _, err := (&timeParser{}).parse(text); err == nil {
			t.Errorf("%q was read as %v", text, got)
		}
	}
}

// What package time writes is read as the same instant and offset.
func TestTimesAgreeWithPackageTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		offset := rapid.IntRange(-23*60-59, 23*60+59).Draw(t, "offset")
		at := time.Unix(0, rapid.Int64Range(time.Date(1900, 1, 2, 0, 0, 0, 0, time.UTC).UnixNano(), time.Date(2261, 12, 30, 0, 0, 0, 0, time.UTC).UnixNano()).Draw(t, "nanoseconds"))
		text := at.In(time.FixedZone("", offset*60)).Format(time.RFC3339Nano)
		got, minutes, err := (&timeParser{}).parse(text)
		if err != nil || !got.Equal(at) || minutes != offset {
			t.Fatalf("%s: %v %d %v", text, got, minutes, err)
		}
	})
}

func TestZoneWithSummerTime(t *testing.T) {
	amsterdam, err := parseZone("Europe/Amsterdam")
	if err != nil {
		t.Fatal(err)
	}
	p := &timeParser{location: amsterdam}
	for text, want := range map[string]int{"2024-01-01 12:00:00": 60, "2024-07-01 12:00:00": 120} {
		got, offset, err := p.parse(text)
		if err != nil || offset != want || got.Hour() != 12-want/60 {
			t.Errorf("%s: %v %d %v", text, got, offset, err)
		}
	}
}
