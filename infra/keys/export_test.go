package keys

// ShardOf gives the shard of a person, for tests that want several in one.
var ShardOf = shardOf
