package worktime

// Unit is what a legal term (thời hạn) is counted in.
type Unit string

// The units that procedures use. A working day is counted by date, not as a
// fixed number of hours (Bộ luật Dân sự 2015, art. 146–148).
const (
	WorkingHours Unit = "working-hours" // giờ làm việc
	WorkingDays  Unit = "working-days"  // ngày làm việc
	CalendarDays Unit = "calendar-days" // ngày
)

// Term is an amount of a unit: "5 working days". The zero Term means that no
// deadline is set.
type Term struct {
	Amount int  `json:"amount"`
	Unit   Unit `json:"unit"`
}

// IsZero reports whether no term is set.
func (t Term) IsZero() bool { return t == Term{} }
