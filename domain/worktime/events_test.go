package worktime_test

import (
	"encoding/json"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"dossierledger/domain/event"
	"dossierledger/domain/event/goldentest"
	"dossierledger/domain/worktime"
)

func TestEventsKeepTheirStoredForm(t *testing.T) {
	announced := time.Date(2025, 12, 25, 1, 30, 0, 0, time.UTC)
	hours := worktime.OfficeHours()
	samples := map[string]event.Payload{
		"calendar.opened.v1":                 worktime.Opened{Scope: "H15.50", Windows: hours, AnnouncedAt: announced, Basis: "QĐ 01/2025/QĐ-UBND"},
		"calendar.opened.v1.inherits":        worktime.Opened{Scope: "H15.50", AnnouncedAt: announced},
		"calendar.windows-set.v1":            worktime.WindowsSet{From: worktime.On(2026, 4, 16), Windows: hours, AnnouncedAt: announced, Basis: "giờ mùa hè"},
		"calendar.saturday-reception-set.v1": worktime.SaturdayReceptionSet{From: worktime.On(2026, 1, 3), Windows: hours[:1], AnnouncedAt: announced, Basis: "QĐ 14/2010/QĐ-TTg"},
		"calendar.saturday-reception-set.v1.ends": worktime.SaturdayReceptionSet{
			From: worktime.On(2026, 6, 6), AnnouncedAt: announced, Basis: "QĐ 14/2010/QĐ-TTg"},
		"calendar.swap-announced.v1": worktime.SwapAnnounced{Off: worktime.On(2026, 1, 2), Worked: worktime.On(2026, 1, 10), AnnouncedAt: announced, Basis: "thông báo"},
		"calendar.swap-revoked.v1":   worktime.SwapRevoked{Off: worktime.On(2026, 1, 2), AnnouncedAt: announced, Basis: "thông báo"},
		"calendar.holiday-declared.v1": worktime.HolidayDeclared{
			Code: "culture-day", Name: worktime.Name{VI: "Ngày Văn hóa Việt Nam", EN: "Vietnam Culture Day"}, Month: 11, Day: 24,
			From: worktime.On(2026, 7, 1), Until: worktime.On(2040, 1, 1), Substituted: true, AnnouncedAt: announced, Basis: "NQ 28/2026/QH16"},
		"calendar.holiday-declared.v1.once": worktime.HolidayDeclared{
			Code: "flood", Name: worktime.Name{VI: "Nghỉ do lũ"}, On: worktime.On(2026, 10, 14), AnnouncedAt: announced, Basis: "công điện"},
		"calendar.holiday-revoked.v1": worktime.HolidayRevoked{Code: "flood", AnnouncedAt: announced, Basis: "công điện"},
		"calendar.holiday-days-set.v1": worktime.HolidayDaysSet{
			Holiday: worktime.NationalDay, Year: 2026, Days: []worktime.Date{worktime.On(2026, 9, 1), worktime.On(2026, 9, 2)}, AnnouncedAt: announced, Basis: "thông báo"},
	}
	goldentest.Hold(t, filepath.Join("testdata", "events"), worktime.Register, samples)
}

func TestEveryNationalNoticeIsRegistered(t *testing.T) {
	registry := event.NewRegistry()
	worktime.Register(registry)
	for _, payload := range worktime.NationalNotices() {
		encoded, err := json.Marshal(payload)
		if err != nil {
			t.Fatal(err)
		}
		decoded, err := registry.Decode(payload.EventType(), encoded)
		if err != nil || !reflect.DeepEqual(decoded, payload) {
			t.Errorf("%s is read as %+v, %v", encoded, decoded, err)
		}
	}
}
