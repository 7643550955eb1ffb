package bench

// catalogue lists the benchmarks. Add new ones at their place in the alphabet.
var catalogue = []Benchmark{
	appending,
	overEventStoreDB,
	eventStoreDBGrowth,
	freshness,
	freshnessGrowth,
	growing,
	httpCommands,
	httpGrowth,
	httpTimeline,
	importing,
	loading,
	reading,
	rebuilding,
	reports,
	starting,
	worklists,
}
