package backup

// InSegmentsOf makes segments close after so many bytes, so that a short log has many.
func (o EventsOptions) InSegmentsOf(bytes int) EventsOptions {
	o.segmentBytes = bytes
	return o
}
