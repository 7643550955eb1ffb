package historylog

import (
	"reflect"
	"strings"
	"testing"
)

func TestXESNamespacesInAllForms(t *testing.T) {
	body := `<P:trace><P:string key="concept:name" value="hồ sơ 1"/>
<P:event><P:string key="concept:name" value="Tiếp nhận"/><P:date key="time:timestamp" value="2024-05-02T08:00:00+07:00"/></P:event>
</P:trace></P:log>`
	for name, log := range map[string]string{
		"none":          "<log>" + strings.ReplaceAll(body, "P:", ""),
		"default":       `<log xmlns="http://www.xes-standard.org/">` + strings.ReplaceAll(body, "P:", ""),
		"older default": `<log xmlns="http://code.deckfour.org/xes">` + strings.ReplaceAll(body, "P:", ""),
		"prefix":        `<xes:log xmlns:xes="http://www.xes-standard.org">` + strings.ReplaceAll(body, "P:", "xes:"),
	} {
		t.Run(name, func(t *testing.T) {
			got, _ := read(t, log, Options{})
			want := []Event{{Case: "hồ sơ 1", Activity: "Tiếp nhận", Time: instant(t, "2024-05-02T01:00:00Z"), OffsetMinutes: 420, Line: 2}}
			got.events[0].Attributes = nil
			if !reflect.DeepEqual(got.events, want) || len(got.problems) != 0 {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestXESTakesNoValueFromElsewhere(t *testing.T) {
	got, summary := read(t, `<?xml version="1.0" encoding="utf-8"?>
<log>
<global scope="event"><string key="concept:name" value="DEFAULT"/><string key="org:resource" value="DEFAULT"/><date key="time:timestamp" value="1970-01-01T00:00:00Z"/></global>
<global scope="trace"><string key="concept:name" value="DEFAULT"/></global>
<string key="concept:name" value="the log"/>
<trace>
<event>
  <string key="concept:name" value="a"/>
  <date key="time:timestamp" value="2024-01-01T00:00:00Z"/>
  <string key="parent" value="p"><string key="concept:name" value="nested"/><string key="org:resource" value="nested">
    <int key="deep" value="3"/></string></string>
  <list key="items"><values><string key="item" value="1"/><string key="item" value="2"/></values></list>
  <container key="box"><float key="inside" value="1.5"/></container>
</event>
<event><string key="org:resource" value="r"/><date key="time:timestamp" value="2024-01-01T00:00:00Z"/></event>
<event><string key="concept:name" value="no time"/></event>
<event><string key="concept:name" value="bad time"/><date key="time:timestamp" value="yesterday"/></event>
<event/>
</trace>
<event><string key="concept:name" value="outside"/></event>
<trace><string key="concept:name" value="NA"/></trace>
</log>`, Options{})
	want := []Event{{Case: "trace-1", Activity: "a", Time: instant(t, "2024-01-01T00:00:00Z"), Line: 7, Attributes: []Attribute{
		{Name: "parent", Type: "string", Value: "p"},
		{Name: "concept:name", Type: "string", Value: "nested", Depth: 1},
		{Name: "org:resource", Type: "string", Value: "nested", Depth: 1},
		{Name: "deep", Type: "int", Value: "3", Depth: 2},
		{Name: "items", Type: "list"},
		{Name: "item", Type: "string", Value: "1", Depth: 1},
		{Name: "item", Type: "string", Value: "2", Depth: 1},
		{Name: "box", Type: "container"},
		{Name: "inside", Type: "float", Value: "1.5", Depth: 1},
	}}}
	if !reflect.DeepEqual(got.events, want) {
		t.Errorf("%+v", got.events)
	}
	if summary.Skipped != 5 {
		t.Errorf("%d were skipped", summary.Skipped)
	}
	got.problemAt(t, 15, "no activity")
	got.problemAt(t, 16, "no time")
	got.problemAt(t, 17, `"yesterday" is not a time`)
	got.problemAt(t, 18, "no activity")
	got.problemAt(t, 20, "outside a trace")
	got.problemAt(t, 21, `"NA" has no events`)
}

func TestXESNamesAndTimes(t *testing.T) {
	got, _ := read(t, `<log><trace><string key='concept:name' value='a "b" &amp; &lt;c&gt; &apos;d&apos;'/><string key="channel" value="một&#xa;cửa"/>
<event><string value="x, &quot;y&quot; &lt; z" key="concept:name"/><string key="lifecycle:transition" value="complete"/>
<string key="org:resource" value="Nguyễn Văn A"/><date key="time:timestamp" value="2024-03-30T23:30:00.123456789+01:00"/></event>
<event><string key="concept:name" value="Tie&#x302;&#x301;p"/><date key="time:timestamp" value="2024-03-31T05:30:00+05:30"/></event>
<event><string key="concept:name" value="b"/><date key="time:timestamp" value="2024-03-31 00:30:00"/></event>
</trace></log>`, Options{})
	if id := got.events[0].Case; id != `a "b" & <c> 'd'` {
		t.Errorf("the case is %q", id)
	}
	if want := []Attribute{{Name: "channel", Type: "string", Value: "một\ncửa"}}; !reflect.DeepEqual(got.cases[0].Attributes, want) {
		t.Errorf("the case has %v", got.cases[0].Attributes)
	}
	first := got.events[0]
	if first.Activity != `x, "y" < z` || first.Lifecycle != "complete" || first.Resource != "Nguyễn Văn A" || !first.Time.Equal(instant(t, "2024-03-30T22:30:00.123456789Z")) || first.OffsetMinutes != 60 {
		t.Errorf("%+v", first)
	}
	if second := got.events[1]; second.Activity != "Tiếp" || !second.Time.Equal(instant(t, "2024-03-31T00:00:00Z")) || second.OffsetMinutes != 330 {
		t.Errorf("%+v", second)
	}
	if third := got.events[2]; !third.Time.Equal(instant(t, "2024-03-31T00:30:00Z")) || third.OffsetMinutes != 0 {
		t.Errorf("%+v", third)
	}
}

func TestXESAttributesOfTheCaseThatStandWithEvents(t *testing.T) {
	event := `<event><string key="concept:name" value="a"/><date key="time:timestamp" value="2024-01-01T00:00:00Z"/><string key="(case)_Amount" value="AMOUNT"/><string key="role" value="r"/></event>`
	got, _ := read(t, `<log><trace><string key="concept:name" value="1"/>`+
		strings.Repeat(strings.ReplaceAll(event, "AMOUNT", "5"), 3)+strings.ReplaceAll(event, "AMOUNT", "6")+`</trace></log>`, Options{})
	if len(got.cases) != 3 || got.cases[1].Attributes[0] != (Attribute{Name: "Amount", Type: "string", Value: "5"}) || got.cases[2].Attributes[0].Value != "6" {
		t.Errorf("%+v", got.cases)
	}
	for _, e := range got.events {
		if !reflect.DeepEqual(e.Attributes, []Attribute{{Name: "role", Type: "string", Value: "r"}}) {
			t.Errorf("%+v", e)
		}
	}
}

func TestXESTraceThatIsNamedAfterItsEvents(t *testing.T) {
	got, _ := read(t, `<log><trace>`+xesEvent+`<string key="concept:name" value="late"/><string key="channel" value="post"/></trace></log>`, Options{})
	if len(got.events) != 1 || got.events[0].Case != "late" || got.cases[0].ID != "late" || got.cases[0].Attributes[0].Value != "post" {
		t.Errorf("%+v", got)
	}
}

func TestXESKeysByMap(t *testing.T) {
	got, _ := read(t, `<log><trace><string key="id" value="7"/><event><string key="concept:name" value="kept"/><string key="Activity" value="a"/><string key="when" value="02/05/2024 08:00"/></event></trace></log>`,
		Options{Map: &ColumnMap{Case: "id", Activity: "Activity", Timestamp: "when", TimeFormat: "dd/MM/yyyy HH:mm", TimeZone: "+07:00"}})
	want := []Event{{Case: "7", Activity: "a", Time: instant(t, "2024-05-02T01:00:00Z"), OffsetMinutes: 420, Line: 1, Attributes: []Attribute{{Name: "concept:name", Type: "string", Value: "kept"}}}}
	if !reflect.DeepEqual(got.events, want) {
		t.Errorf("%+v", got)
	}
}

func TestEventsAndCasesBeyondTheLimitAreReported(t *testing.T) {
	long := strings.Repeat("x", 2000)
	got, summary := read(t, "<log><trace><string key='concept:name' value='1'/><string key='long' value='"+long+"'/>\n"+
		strings.ReplaceAll(xesEvent, "<event>", "<event><string key='long' value='"+long+"'/>")+"\n"+xesEvent+"</trace></log>", Options{Limits: Limits{EventBytes: 1000}})
	if len(got.events) != 1 || summary.Skipped != 1 || got.events[0].Line != 3 {
		t.Errorf("%+v", got)
	}
	got.problemAt(t, 1, "attributes of the trace")
	got.problemAt(t, 2, "more than 1000 bytes")
}
