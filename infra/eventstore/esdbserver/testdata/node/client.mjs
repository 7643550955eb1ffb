// Uses a client, EventStoreDB's or KurrentDB's own, against the server that the first
// argument names; the second is the client's package. Each step prints a line;
// "restart" asks the parent process to restart the server and to answer with a line.
import assert from "node:assert/strict";
import { createInterface } from "node:readline";

const [, , address, library] = process.argv;
const loaded = await import(library);
const {
  ANY, BACKWARDS, END, FORWARDS, NO_STREAM, START, STREAM_EXISTS,
  PARK, RETRY, SKIP, PINNED, DISPATCH_TO_SINGLE,
  eventTypeFilter, excludeSystemEvents, jsonEvent, binaryEvent, streamNameFilter,
  persistentSubscriptionToAllSettingsFromDefaults, persistentSubscriptionToStreamSettingsFromDefaults,
  MaxAppendSizeExceededError, PersistentSubscriptionDoesNotExistError, PersistentSubscriptionExistsError,
  PersistentSubscriptionMaximumSubscribersReachedError, StreamDeletedError, StreamNotFoundError,
  WrongExpectedVersionError,
} = loaded.default ?? loaded;
const Client = (loaded.default ?? loaded).KurrentDBClient ?? (loaded.default ?? loaded).EventStoreDBClient;

// connect makes a client; KurrentDB's has another word for the revision that an append expects.
function connect() {
  const made = Client.connectionString(`esdb://${address}?tls=false`);
  const append = made.appendToStream.bind(made);
  made.appendToStream = (stream, events, { expectedRevision = ANY, ...options } = {}) =>
    append(stream, events, { ...options, expectedRevision, streamState: expectedRevision });
  return made;
}

const actual = (error) => error.actualVersion ?? error.actualState;
const expected = (error) => error.expectedVersion ?? error.expectedState;

let client = connect();
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const credentials = { username: "any", password: "thing" };

let number = 0;
const event = (type = "dossier.received.v1", n = number++) => jsonEvent({ type, data: { n, name: "Nguyễn Thị Ánh" }, metadata: { by: "node" } });
const events = (count, type) => Array.from({ length: count }, () => event(type));
const ids = (list) => list.map((e) => e.id ?? (e.link ?? e.event).id);

async function all(read) {
  const out = [];
  for await (const resolved of read) out.push(resolved);
  return out;
}

async function first(subscription, count, each = async () => {}) {
  const out = [];
  if (count === 0) return out;
  for await (const resolved of subscription) {
    out.push(resolved);
    await each(resolved);
    if (out.length === count) break;
  }
  return out;
}

async function refused(type, action) {
  try {
    await action();
  } catch (error) {
    assert.ok(error instanceof type, `${error?.constructor?.name}: ${error?.message}, not a ${type.name}`);
    return error;
  }
  assert.fail(`no ${type.name}`);
}

async function eventually(condition, what) {
  for (let i = 0; i < 200; i++) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  assert.fail(`never: ${what}`);
}

async function restart() {
  console.log("restart");
  const { value } = await lines.next();
  assert.equal(value, "restarted");
}

const steps = {
  async "appends and reads a stream in both directions"() {
    const batch = events(5);
    const written = await client.appendToStream("node-a", batch, { expectedRevision: NO_STREAM });
    assert.equal(written.success, true);
    assert.equal(written.nextExpectedRevision, 4n);
    assert.ok(written.position.commit > 0n);
    const forwards = await all(client.readStream("node-a", { direction: FORWARDS, fromRevision: START }));
    assert.deepEqual(ids(forwards), ids(batch));
    assert.deepEqual(forwards[2].event.data, batch[2].data);
    assert.deepEqual(forwards[2].event.metadata, { by: "node" });
    assert.equal(forwards[2].event.revision, 2n);
    assert.equal(forwards[2].event.isJson, true);
    assert.ok(Math.abs(Date.now() - new Date(forwards[2].event.created).getTime()) < 60_000);
    assert.equal(forwards[4].event.position.commit, written.position.commit);
    const backwards = await all(client.readStream("node-a", { direction: BACKWARDS, fromRevision: END, maxCount: 2 }));
    assert.deepEqual(ids(backwards), ids([batch[4], batch[3]]));
    assert.deepEqual(ids(await all(client.readStream("node-a", { fromRevision: 3n }))), ids(batch.slice(3)));
    assert.deepEqual(await all(client.readStream("node-a", { fromRevision: 99n })), []);
  },
  async "appends outside a batch call too"() {
    const written = await client.appendToStream("node-plain", events(2), { expectedRevision: NO_STREAM, credentials });
    assert.equal(written.nextExpectedRevision, 1n);
    const error = await refused(WrongExpectedVersionError, () =>
      client.appendToStream("node-plain", event(), { expectedRevision: 7n, credentials }));
    assert.equal(actual(error), 1n);
    assert.equal(expected(error), 7n);
  },
  async "keeps bytes that are not JSON"() {
    const data = Uint8Array.from([0, 255, 1, 2]);
    await client.appendToStream("node-bytes", binaryEvent({ type: "bytes.v1", data }));
    const [read] = await all(client.readStream("node-bytes"));
    assert.equal(read.event.isJson, false);
    assert.deepEqual(Array.from(read.event.data), Array.from(data));
  },
  async "learns the actual revision when it expects another"() {
    for (const [expectedRevision, told] of [[NO_STREAM, "no_stream"], [9n, 9n]]) {
      const error = await refused(WrongExpectedVersionError, () => client.appendToStream("node-a", event(), { expectedRevision }));
      assert.equal(error.streamName, "node-a");
      assert.equal(actual(error), 4n);
      assert.equal(expected(error), told);
    }
    const error = await refused(WrongExpectedVersionError, () => client.appendToStream("node-gone", event(), { expectedRevision: STREAM_EXISTS }));
    assert.equal(actual(error), "no_stream");
    const soft = await client.appendToStream("node-a", event(), { expectedRevision: NO_STREAM, throwOnAppendFailure: false }).catch((e) => e);
    assert.ok(soft instanceof WrongExpectedVersionError || soft.success === false);
  },
  async "repeats an append without doubling it"() {
    const batch = events(3);
    const once = await client.appendToStream("node-again", batch, { expectedRevision: NO_STREAM });
    const twice = await client.appendToStream("node-again", batch, { expectedRevision: NO_STREAM });
    assert.deepEqual(twice, once);
    assert.equal((await all(client.readStream("node-again"))).length, 3);
  },
  async "is refused what is too large"() {
    const big = Array.from({ length: 6 }, () => jsonEvent({ type: "big.v1", data: { x: "x".repeat(900_000) } }));
    const error = await refused(MaxAppendSizeExceededError, () => client.appendToStream("node-big", big));
    assert.equal(error.maxAppendSize, 4 * 1024 * 1024);
    await refused(StreamNotFoundError, () => all(client.readStream("node-big")));
  },
  async "many appends at once keep their order in a stream"() {
    const batches = Array.from({ length: 100 }, () => events(2));
    await Promise.all(batches.map((batch) => client.appendToStream("node-many", batch, { expectedRevision: ANY })));
    assert.deepEqual(ids(await all(client.readStream("node-many"))), ids(batches.flat()));
  },
  async "reads $all in both directions from any position"() {
    const mine = (list) => list.filter((r) => r.event.streamId.startsWith("node-"));
    const forwards = await all(client.readAll());
    const backwards = await all(client.readAll({ direction: BACKWARDS, fromPosition: END }));
    assert.deepEqual(ids(backwards).reverse(), ids(forwards));
    assert.ok(mine(forwards).length > 200);
    const at = forwards[3].event.position;
    assert.deepEqual(ids(await all(client.readAll({ fromPosition: at, maxCount: 2 }))), ids(forwards.slice(3, 5)));
    assert.deepEqual(ids(await all(client.readAll({ fromPosition: at, direction: BACKWARDS }))), ids(forwards.slice(0, 3)).reverse());
  },
  async "subscribes to a stream, then sees what arrives"() {
    const subscription = client.subscribeToStream("node-a", { fromRevision: 2n });
    let caughtUp = false;
    subscription.on("caughtUp", () => (caughtUp = true));
    const live = events(2);
    const seen = first(subscription, 4);
    await eventually(() => caughtUp, "caught up");
    await client.appendToStream("node-a", live);
    const got = await seen;
    assert.deepEqual(got.map((r) => r.event.revision), [3n, 4n, 5n, 6n]);
    assert.deepEqual(ids(got.slice(2)), ids(live));
    await subscription.unsubscribe();
  },
  async "subscribes to $all with filters and checkpoints"() {
    const wanted = events(3, "signal.v1");
    await client.appendToStream("node-noise", events(200, "noise.v1"));
    await client.appendToStream("node-signal", wanted);
    for (const filter of [
      { make: streamNameFilter, prefixes: ["node-signal", "nothing-"] },
      { make: streamNameFilter, regex: "^node-sig.*$" },
      { make: eventTypeFilter, prefixes: ["signal."] },
      { make: eventTypeFilter, regex: "^signal\\.v\\d$" },
    ]) {
      const checkpoints = [];
      const { make, ...expression } = filter;
      const subscription = client.subscribeToAll({
        fromPosition: START,
        filter: make({ ...expression, maxSearchWindow: 10, checkpointInterval: 2, checkpointReached: (_, position) => void checkpoints.push(position.commit) }),
      });
      const got = await first(subscription, 3);
      assert.deepEqual(ids(got), ids(wanted));
      assert.ok(checkpoints.length >= 5, `${checkpoints.length} checkpoints`);
      assert.deepEqual([...checkpoints].sort((a, b) => Number(a - b)), checkpoints);
      await subscription.unsubscribe();
    }
  },
  async "keeps stream metadata"() {
    assert.equal((await client.getStreamMetadata("node-a")).metadata, undefined);
    await client.setStreamMetadata("node-a", { owner: "one" }, { expectedRevision: NO_STREAM });
    await refused(WrongExpectedVersionError, () => client.setStreamMetadata("node-a", { owner: "two" }, { expectedRevision: 4n }));
    const got = await client.getStreamMetadata("node-a");
    assert.equal(got.metadata.owner, "one");
  },
  async "shows no more of a stream than its metadata allows"() {
    await client.appendToStream("node-short", events(10));
    await client.setStreamMetadata("node-short", { maxCount: 3 });
    assert.deepEqual((await all(client.readStream("node-short"))).map((r) => r.event.revision), [7n, 8n, 9n]);
    assert.deepEqual((await all(client.readStream("node-short", { direction: BACKWARDS, fromRevision: END }))).map((r) => r.event.revision), [9n, 8n, 7n]);
  },
  async "deletes a stream and appends to it again"() {
    await client.appendToStream("node-deleted", events(3));
    const error = await refused(WrongExpectedVersionError, () => client.deleteStream("node-deleted", { expectedRevision: 9n }));
    assert.equal(actual(error), 2n);
    const { position } = await client.deleteStream("node-deleted", { expectedRevision: 2n });
    assert.ok(position.commit > 0n);
    await refused(StreamNotFoundError, () => all(client.readStream("node-deleted")));
    const again = events(2);
    const written = await client.appendToStream("node-deleted", again, { expectedRevision: NO_STREAM });
    assert.equal(written.nextExpectedRevision, 4n);
    assert.deepEqual(ids(await all(client.readStream("node-deleted"))), ids(again));
  },
  async "a tombstone is for ever"() {
    await client.appendToStream("node-tomb", events(2));
    const subscription = client.subscribeToStream("node-tomb", { fromRevision: END });
    const dropped = refused(StreamDeletedError, () => first(subscription, 1));
    await new Promise((resolve) => subscription.once("confirmation", resolve));
    await client.tombstoneStream("node-tomb", { expectedRevision: 1n });
    await dropped;
    await refused(StreamDeletedError, () => all(client.readStream("node-tomb")));
    const error = await refused(StreamDeletedError, () => client.appendToStream("node-tomb", event()));
    assert.equal(error.streamName, "node-tomb");
    await refused(StreamDeletedError, () => client.appendToStream("node-tomb", event(), { credentials }));
  },
  async "a persistent subscription shares a stream"() {
    const settings = persistentSubscriptionToStreamSettingsFromDefaults({ startFrom: START, maxRetryCount: 2, checkPointLowerBound: 1, checkPointAfter: 200, maxSubscriberCount: 2 });
    await client.createPersistentSubscriptionToStream("node-work", "group", settings);
    await refused(PersistentSubscriptionExistsError, () => client.createPersistentSubscriptionToStream("node-work", "group", settings));
    await refused(PersistentSubscriptionDoesNotExistError, () => first(client.subscribeToPersistentSubscriptionToStream("node-work", "nobody"), 1));
    const work = events(20);
    await client.appendToStream("node-work", work);
    const a = client.subscribeToPersistentSubscriptionToStream("node-work", "group", { bufferSize: 4 });
    const b = client.subscribeToPersistentSubscriptionToStream("node-work", "group", { bufferSize: 4 });
    const done = { a: [], b: [] };
    a.on("data", (e) => { done.a.push(e); a.ack(e); });
    b.on("data", (e) => { done.b.push(e); b.ack(e); });
    await eventually(() => done.a.length + done.b.length === 20, "20 events");
    assert.ok(done.a.length > 0 && done.b.length > 0, `${done.a.length} and ${done.b.length}`);
    assert.deepEqual(ids([...done.a, ...done.b]).sort(), ids(work).sort());
    await refused(PersistentSubscriptionMaximumSubscribersReachedError, () => first(client.subscribeToPersistentSubscriptionToStream("node-work", "group"), 1));
    await a.unsubscribe();
    await b.unsubscribe();
    const left = async () => (await client.getPersistentSubscriptionToStreamInfo("node-work", "group")).connections.length === 0;
    await eventually(left, "both have left");
  },
  async "retries, skips, parks and replays"() {
    const [retried, skipped, parked, poison] = events(4, "odd.v1");
    const subscription = client.subscribeToPersistentSubscriptionToStream("node-work", "group");
    const seen = {};
    subscription.on("data", (e) => {
      const id = e.event.id;
      seen[id] = (seen[id] ?? 0) + 1;
      if (id === retried.id && seen[id] === 1) subscription.nack(RETRY, "again", e);
      else if (id === poison.id) subscription.nack(RETRY, "never", e);
      else if (id === skipped.id) subscription.nack(SKIP, "no", e);
      else if (id === parked.id && seen[id] === 1) subscription.nack(PARK, "later", e);
      else subscription.ack(e);
    });
    await client.appendToStream("node-work", [retried, skipped, parked, poison]);
    const info = () => client.getPersistentSubscriptionToStreamInfo("node-work", "group");
    await eventually(async () => (await info()).stats.parkedMessageCount === 2n, "two parked");
    assert.deepEqual([seen[retried.id], seen[skipped.id], seen[parked.id], seen[poison.id]], [2, 1, 1, 3]);
    await client.replayParkedMessagesToStream("node-work", "group");
    await eventually(() => seen[parked.id] === 2 && seen[poison.id] === 6, "replayed");
    await eventually(async () => (await info()).stats.parkedMessageCount === 1n, "one parked again");
    await eventually(async () => (await info()).stats.lastCheckpointedEventRevision === 23n, "a checkpoint");
    assert.equal((await info()).connections.length, 1);
    await subscription.unsubscribe();
  },
  async "persistent subscriptions are told of, changed and deleted"() {
    const settings = persistentSubscriptionToStreamSettingsFromDefaults({ startFrom: START, consumerStrategyName: DISPATCH_TO_SINGLE });
    await client.createPersistentSubscriptionToStream("node-listed", "one", settings);
    await client.createPersistentSubscriptionToStream("node-listed", "two", settings);
    assert.deepEqual((await client.listPersistentSubscriptionsToStream("node-listed")).map((s) => s.groupName), ["one", "two"]);
    assert.ok((await client.listAllPersistentSubscriptions()).length >= 3);
    await client.updatePersistentSubscriptionToStream("node-listed", "one", { ...settings, consumerStrategyName: PINNED, maxRetryCount: 77 });
    const info = await client.getPersistentSubscriptionToStreamInfo("node-listed", "one");
    assert.equal(info.settings.maxRetryCount, 77);
    assert.equal(info.settings.consumerStrategyName, "Pinned");
    await client.deletePersistentSubscriptionToStream("node-listed", "one");
    await refused(PersistentSubscriptionDoesNotExistError, () => client.getPersistentSubscriptionToStreamInfo("node-listed", "one"));
    await client.restartPersistentSubscriptionSubsystem();
    assert.equal((await client.listPersistentSubscriptionsToStream("node-listed")).length, 1);
  },
  async "a persistent subscription to $all filters"() {
    await client.createPersistentSubscriptionToAll("signals", persistentSubscriptionToAllSettingsFromDefaults({ startFrom: START }),
      { filter: eventTypeFilter({ prefixes: ["signal."] }) });
    const subscription = client.subscribeToPersistentSubscriptionToAll("signals");
    const got = await first(subscription, 3, (e) => subscription.ack(e));
    assert.ok(got.every((r) => r.event.type === "signal.v1"));
    await subscription.unsubscribe();
  },
  async "replays as many parked events as it is told, under names of any script"() {
    const stream = "어학연구소/0️⃣/ด้้้้้็็็็็", group = "ヽ༼ຈل͜ຈ༽ﾉ";
    await client.createPersistentSubscriptionToStream(stream, group,
      persistentSubscriptionToStreamSettingsFromDefaults({ startFrom: START, extraStatistics: true }));
    const parked = events(20);
    await client.appendToStream(stream, parked);
    const subscription = client.subscribeToPersistentSubscriptionToStream(stream, group);
    const replayed = [];
    let replaying = false;
    subscription.on("data", (e) => {
      if (!replaying) return subscription.nack(PARK, "later", e);
      replayed.push(e);
      subscription.ack(e);
    });
    const info = () => client.getPersistentSubscriptionToStreamInfo(stream, group);
    await eventually(async () => (await info()).stats.parkedMessageCount === 20n, "all parked");
    replaying = true;
    await client.replayParkedMessagesToStream(stream, group, { stopAt: 4 });
    await eventually(async () => (await info()).stats.parkedMessageCount === 16n, "four replayed");
    assert.deepEqual(ids(replayed), ids(parked.slice(0, 4)));
    const [connection] = (await info()).connections;
    assert.equal(connection.connectionName, client.connectionName);
    assert.equal(typeof connection.extraStatistics.get("quintile 3"), "bigint");
    await subscription.unsubscribe();
    const error = await refused(PersistentSubscriptionDoesNotExistError, () => client.replayParkedMessagesToStream("node-work", "nobody"));
    assert.equal(error.streamName, "node-work");
    assert.equal(error.groupName, "nobody");
  },
  async "checkpoints come as often as was asked"() {
    const { position } = await client.appendToStream("node-marked", event("marker.v1"));
    const checkpoints = [];
    const subscription = client.subscribeToAll({
      fromPosition: position,
      filter: excludeSystemEvents({ checkpointInterval: 2, checkpointReached: (_, at) => void checkpoints.push(at) }),
    });
    // 12 windows of 32 events, of which two make an interval.
    for (let i = 0; i < 24; i++) await client.appendToStream("node-checked", events(16, "checked.v1"));
    await first(subscription, 384);
    await subscription.unsubscribe();
    assert.ok(checkpoints.length >= 5 && checkpoints.length <= 7, `${checkpoints.length} checkpoints`);
  },
  async "what was written and acknowledged is there after a restart"() {
    const before = await all(client.readStream("node-many"));
    const open = client.subscribeToStream("node-many", { fromRevision: END });
    const dropped = first(open, 1).catch((error) => error);
    await new Promise((resolve) => open.once("confirmation", resolve));
    await restart();
    assert.ok((await dropped) instanceof Error);
    await client.dispose();
    client = connect();
    assert.deepEqual(ids(await all(client.readStream("node-many"))), ids(before));
    await refused(StreamDeletedError, () => all(client.readStream("node-tomb")));
    const error = await refused(WrongExpectedVersionError, () => client.appendToStream("node-many", event(), { expectedRevision: NO_STREAM }));
    assert.equal(actual(error), 199n);
    const info = await client.getPersistentSubscriptionToStreamInfo("node-work", "group");
    assert.equal(info.stats.lastCheckpointedEventRevision, 23n);
    assert.equal(info.stats.parkedMessageCount, 1n);
    const fresh = events(2);
    await client.appendToStream("node-work", fresh);
    const subscription = client.subscribeToPersistentSubscriptionToStream("node-work", "group");
    const got = await first(subscription, 2, (e) => subscription.ack(e));
    assert.deepEqual(ids(got), ids(fresh));
    await subscription.unsubscribe();
  },
};

for (const [title, step] of Object.entries(steps)) {
  try {
    await step();
  } catch (error) {
    console.log(`failed: ${title}: ${error?.stack ?? error}`);
    process.exit(1);
  }
  console.log(`ok: ${title}`);
}
await client.dispose();
process.exit(0);
