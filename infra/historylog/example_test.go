package historylog_test

import (
	"context"
	"fmt"
	"strings"

	"dossierledger/infra/historylog"
)

// A log is read whole before anything of it is used; then its cases come one
// by one, with their events in order.
func Example() {
	log := `case_id,activity,timestamp,resource
H01,Tiếp nhận,2024-05-02 08:00:00+07:00,Lan
H02,Tiếp nhận,2024-05-02 08:05:00+07:00,Lan
H01,Trả kết quả,2024-05-03 09:00:00+07:00,Minh
H02,Thẩm định,,Minh
`
	ctx := context.Background()
	spool, err := historylog.NewSpool("")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = spool.Close() }()
	if _, err := historylog.Read(ctx, strings.NewReader(log), historylog.Options{Format: historylog.CSV}, spool); err != nil {
		fmt.Println("nothing is taken over:", err)
		return
	}
	err = spool.Cases(ctx, func(c *historylog.GroupedCase) error {
		fmt.Println(c.ID, c.Count)
		for event, err := range c.Events() {
			if err != nil {
				return err
			}
			fmt.Println(" ", event.Time.Format("2006-01-02 15:04"), event.Activity, event.Resource)
		}
		return nil
	})
	problems, _ := spool.Problems()
	for _, p := range problems {
		fmt.Printf("line %d: %s\n", p.Line, p.Message)
	}
	fmt.Println(err)
	// Output:
	// H01 2
	//   2024-05-02 01:00 Tiếp nhận Lan
	//   2024-05-03 02:00 Trả kết quả Minh
	// H02 1
	//   2024-05-02 01:05 Tiếp nhận Lan
	// line 5: the row is left out: it has no time
	// <nil>
}
