package worktime

import (
	"time"

	"dossierledger/domain/event"
)

// NationalNotices are the events that open the national calendar: the working
// hours that hold where an agency has none, and what the government announced
// for the public sector from 2014 on. Where no document is named in the basis,
// the day of the announcement is not certain and the first of a month stands for
// it; that of the culture day is when it came into force.
//
// What is not here comes from the law's rules and is provisional until it is
// announced: the days around Tết and the day beside 2 September from 2027 on,
// and every swap of a later year.
func NationalNotices() []event.Payload {
	on := func(year int, month time.Month, day int) time.Time { return On(year, month, day).At(0) }
	days := func(first Date, count int) []Date {
		all := make([]Date, count)
		for i := range all {
			all[i] = first.AddDays(i)
		}
		return all
	}
	const (
		swapBasis    = "Thông báo của Bộ Lao động – Thương binh và Xã hội theo ý kiến của Thủ tướng Chính phủ"
		tetBasis     = "Thông báo nghỉ Tết Âm lịch và nghỉ lễ Quốc khánh đối với công chức, viên chức"
		notice2025   = "Công văn 8726/VPCP-KGVX ngày 26/11/2024"
		interiorSwap = "Thông báo của Bộ Nội vụ theo ý kiến của Thủ tướng Chính phủ"
	)
	return []event.Payload{
		Opened{
			Scope: National, Windows: OfficeHours(), AnnouncedAt: on(2010, time.January, 1),
			Basis: "Quyết định 188/1999/QĐ-TTg: tuần làm việc 40 giờ",
		},
		HolidayDaysSet{
			Holiday: Tet, Year: 2014, Days: days(On(2014, time.January, 30), 5),
			AnnouncedAt: on(2013, time.December, 1), Basis: tetBasis,
		},
		SwapAnnounced{
			Off: On(2014, time.January, 28), Worked: On(2014, time.January, 25),
			AnnouncedAt: on(2013, time.December, 1), Basis: swapBasis,
		},
		SwapAnnounced{
			Off: On(2014, time.January, 29), Worked: On(2014, time.February, 8),
			AnnouncedAt: on(2013, time.December, 1), Basis: swapBasis,
		},
		HolidayDaysSet{
			Holiday: Tet, Year: 2015, Days: days(On(2015, time.February, 17), 5),
			AnnouncedAt: on(2014, time.December, 1), Basis: tetBasis,
		},
		SwapAnnounced{
			Off: On(2015, time.January, 2), Worked: On(2014, time.December, 27),
			AnnouncedAt: on(2014, time.December, 1), Basis: swapBasis,
		},
		SwapAnnounced{
			Off: On(2015, time.February, 16), Worked: On(2015, time.February, 14),
			AnnouncedAt: on(2014, time.December, 1), Basis: swapBasis,
		},
		SwapAnnounced{
			Off: On(2015, time.April, 29), Worked: On(2015, time.April, 25),
			AnnouncedAt: on(2014, time.December, 1), Basis: swapBasis,
		},
		SwapAnnounced{
			Off: On(2018, time.December, 31), Worked: On(2019, time.January, 5),
			AnnouncedAt: on(2018, time.July, 1), Basis: swapBasis,
		},
		SwapAnnounced{
			Off: On(2019, time.April, 29), Worked: On(2019, time.May, 4),
			AnnouncedAt: on(2018, time.July, 1), Basis: swapBasis,
		},
		HolidayDaysSet{
			Holiday: Tet, Year: 2024, Days: days(On(2024, time.February, 8), 5),
			AnnouncedAt: on(2023, time.November, 1), Basis: tetBasis,
		},
		HolidayDaysSet{
			Holiday: NationalDay, Year: 2024, Days: days(On(2024, time.September, 2), 2),
			AnnouncedAt: on(2023, time.November, 1), Basis: tetBasis,
		},
		SwapAnnounced{
			Off: On(2024, time.April, 29), Worked: On(2024, time.May, 4),
			AnnouncedAt: on(2024, time.April, 12), Basis: "Công văn 2450/VPCP-KGVX ngày 12/4/2024",
		},
		HolidayDaysSet{
			Holiday: Tet, Year: 2025, Days: days(On(2025, time.January, 27), 5),
			AnnouncedAt: on(2024, time.November, 26), Basis: notice2025,
		},
		HolidayDaysSet{
			Holiday: NationalDay, Year: 2025, Days: days(On(2025, time.September, 1), 2),
			AnnouncedAt: on(2024, time.November, 26), Basis: notice2025,
		},
		SwapAnnounced{
			Off: On(2025, time.May, 2), Worked: On(2025, time.April, 26),
			AnnouncedAt: on(2024, time.November, 26), Basis: notice2025,
		},
		HolidayDaysSet{
			Holiday: Tet, Year: 2026, Days: days(On(2026, time.February, 16), 5),
			AnnouncedAt: on(2025, time.October, 1), Basis: tetBasis,
		},
		HolidayDaysSet{
			Holiday: NationalDay, Year: 2026, Days: days(On(2026, time.September, 1), 2),
			AnnouncedAt: on(2025, time.October, 1), Basis: tetBasis,
		},
		SwapAnnounced{
			Off: On(2026, time.August, 31), Worked: On(2026, time.August, 22),
			AnnouncedAt: on(2025, time.October, 1), Basis: interiorSwap,
		},
		SwapAnnounced{
			Off: On(2026, time.January, 2), Worked: On(2026, time.January, 10),
			AnnouncedAt: on(2025, time.December, 25), Basis: interiorSwap,
		},
		HolidayDeclared{
			Code: "culture-day", Name: Name{VI: "Ngày Văn hóa Việt Nam", EN: "Vietnam Culture Day"},
			Month: time.November, Day: 24, From: On(2026, time.July, 1), Substituted: true,
			AnnouncedAt: on(2026, time.July, 1), Basis: "Nghị quyết 28/2026/QH16",
		},
	}
}
