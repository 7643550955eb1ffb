package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"dossierledger/infra/outbound"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// consumed reads all that a topic holds, and lists by key the sequences of the
// events, each once, in the order of their first coming.
func consumed(t *testing.T, broker *kfake.Cluster, topic string) map[string][]string {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(broker.ListenAddrs()...), kgo.ConsumeTopics(topic), kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	left := int64(0)
	for _, p := range broker.PartitionInfos(topic) {
		left += p.HighWatermark - p.LogStartOffset
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	found := map[string][]string{}
	for left > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("%d messages were not read: %v", left, err)
		}
		for _, r := range fetches.Records() {
			left--
			var e outbound.CloudEvent
			if err := json.Unmarshal(r.Value, &e); err != nil || e.PartitionKey != string(r.Key) {
				t.Fatalf("under %s: %s %v", r.Key, r.Value, err)
			}
			if !slices.Contains(found[e.PartitionKey], e.Sequence) {
				found[e.PartitionKey] = append(found[e.PartitionKey], e.Sequence)
			}
		}
	}
	return found
}

// What Kafka finds too large is given up, and nothing after it of its dossier is
// sent, until somebody has it sent again where it is taken.
func TestKafkaGetsEverythingInOrderAlsoWhatWasTooLargeFirst(t *testing.T) {
	broker, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(4, "dossiers"))
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	data := t.TempDir()
	if a := ledgerCommand(data, "simulate", "--dossiers", "20", "--seed", "1", "--from", "2026-01-01", "--to", "2026-02-01"); a.code != exitDone {
		t.Fatal(a.stderr)
	}
	wanted := wantedOf(t, data)
	maps.DeleteFunc(wanted, func(key string, _ []string) bool { return !strings.HasPrefix(key, "dossier-") })
	chosen := slices.Sorted(maps.Keys(wanted))[:2]
	large := broker.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.MessageTooLarge, Count: -1, When: func(request kmsg.Request) bool {
		for _, topic := range request.(*kmsg.ProduceRequest).Topics {
			for _, p := range topic.Partitions {
				if slices.ContainsFunc(chosen, func(key string) bool { return bytes.Contains(p.Records, []byte(key)) }) {
					return true
				}
			}
		}
		return false
	}})
	receivers := write(t, "receivers.yaml", fmt.Sprintf(`
receivers:
  - name: warehouse
    streams: [dossier-]
    attempts: 8
    retry_min: 5ms
    kafka: {brokers: [%q], topic: dossiers, allow_plaintext: true}
`, broker.ListenAddrs()[0]))
	s := serveLedger(t, data, nil, "--outbound-file", receivers)
	eventually(t, "two are given up, the rest is delivered", func() bool {
		shown := s.get(t, "/readyz")
		return strings.Contains(shown, `"outbound warehouse","state":"live"`) && strings.Contains(shown, `"behind":0,"given_up":2`)
	})
	s.stop(t)
	before := consumed(t, broker, "dossiers")
	for key, sequences := range wanted {
		if slices.Contains(chosen, key) {
			sequences = nil
		}
		if !slices.Equal(before[key], sequences) {
			t.Errorf("of %s came %v, want %v", key, before[key], sequences)
		}
	}
	a := ledgerCommand(data, "outbound", "dead", "warehouse")
	if a.code != exitDone || !strings.Contains(a.stdout, "it is larger than Kafka takes") {
		t.Fatalf("exit %d: %s%s", a.code, a.stdout, a.stderr)
	}
	if a := ledgerCommand(data, "outbound", "resend", "warehouse", "--all"); a.code != exitDone {
		t.Fatalf("exit %d: %s", a.code, a.stderr)
	}
	large.Remove()
	s = serveLedger(t, data, nil, "--outbound-file", receivers)
	eventually(t, "all is delivered", func() bool {
		shown := s.get(t, "/readyz")
		return strings.Contains(shown, `"outbound warehouse","state":"live"`) && strings.Contains(shown, `"behind":0,"given_up":0`)
	})
	s.stop(t)
	after := consumed(t, broker, "dossiers")
	for key, sequences := range wanted {
		if !slices.Equal(after[key], sequences) {
			t.Errorf("of %s came %v, want %v", key, after[key], sequences)
		}
	}
}
