package pages

// Charts are laid out here in whole units of a view box; templates draw them.

// bar is one row of a bar chart.
type bar struct {
	Label, Text string
	Value       float64
	Tone        string
	Width       float64 // hundredths
}

// barChart is a list of bars with their names above them, so that long names
// fit on a phone too.
type barChart struct {
	Title string
	Bars  []bar
}

// newBarChart gives each bar its part of the largest value; nil where there is nothing to draw.
func newBarChart(title string, bars []bar, largest float64) *barChart {
	if len(bars) == 0 || largest <= 0 {
		return nil
	}
	for i := range bars {
		bars[i].Width = rounded(max(0.5, 100*bars[i].Value/largest))
	}
	return &barChart{Title: title, Bars: bars}
}

type series struct{ Name, Tone string }

// column is one month: a stack of values with a text above it.
type column struct {
	Label, Text string
	Values      []float64
	X, Middle   float64
	Parts       []part
	TextY       float64
}

type part struct {
	Y, Height float64
	Tone      string
}

// columnChart is a row of stacks.
type columnChart struct {
	Title         string
	Series        []series
	Columns       []column
	Width, Height float64
	ColumnWidth   float64
	Lines         []gridLine
	LabelY        float64
}

type gridLine struct {
	Y    float64
	Text string
}

const (
	chartLeft   = 38.0
	chartTop    = 24.0
	chartPlot   = 190.0
	columnPitch = 42.0
	columnThick = 30.0
)

// laidOut computes the places; nil where there is nothing to draw.
func (c *columnChart) laidOut(w words) *columnChart {
	top := 0.0
	for _, column := range c.Columns {
		total := 0.0
		for _, value := range column.Values {
			total += value
		}
		top = max(top, total)
	}
	if top == 0 {
		return nil
	}
	top = niceTop(top)
	c.ColumnWidth = columnThick
	c.Width = chartLeft + columnPitch*float64(max(len(c.Columns), 6)) + 8
	c.Height = chartTop + chartPlot + 28
	c.LabelY = chartTop + chartPlot + 18
	for i := range c.Columns {
		column := &c.Columns[i]
		column.X = chartLeft + 8 + columnPitch*float64(i)
		column.Middle = column.X + columnThick/2
		y := chartTop + chartPlot
		for s, value := range column.Values {
			height := rounded(chartPlot * value / top)
			if height == 0 {
				continue
			}
			y -= height
			column.Parts = append(column.Parts, part{Y: rounded(y), Height: height, Tone: c.Series[s].Tone})
		}
		column.TextY = rounded(y - 5)
	}
	for i := range 5 {
		value := top * float64(i) / 4
		c.Lines = append(c.Lines, gridLine{Y: rounded(chartTop + chartPlot - chartPlot*float64(i)/4), Text: w.whole(int64(value))})
	}
	return c
}

// niceTop is the least of 4, 8, 12, 20, 40, 80, 100 and their tenfolds that is not below a value.
func niceTop(value float64) float64 {
	for scale := 1.0; ; scale *= 10 {
		for _, step := range []float64{4, 8, 12, 20, 28} {
			if step*scale >= value {
				return step * scale
			}
		}
	}
}
