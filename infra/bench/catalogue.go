package bench

// catalogue lists the benchmarks. Add new ones at their place in the alphabet.
var catalogue = []Benchmark{
	appending,
	overEventStoreDB,
	freshness,
	httpCommands,
	httpTimeline,
	importing,
	rebuilding,
	reports,
	starting,
	worklists,
}
