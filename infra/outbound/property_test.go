package outbound_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"dossierledger/infra/outbound"
	"pgregory.net/rapid"
)

// whenever is deliveries that fail, stop, crash, go on and are sent again as it comes.
type whenever struct {
	*world
	t        *rapid.T
	name     string
	receiver *receiver
	stop     func()
	codes    []string
	broken   []string // the dossiers that the receiver refuses
}

// Whatever fails, restarts or crashes, and whenever: in the end the receiver has
// seen every event of its filter, those of a dossier in their order, and no other.
func TestEveryEventComesInOrderWhateverFails(t *testing.T) {
	world, checks := open(t), 0
	rapid.Check(t, func(rt *rapid.T) {
		checks++
		w := &whenever{world: world, t: rt, name: fmt.Sprint("r", checks), receiver: &receiver{}}
		for i := range rapid.IntRange(1, 8).Draw(rt, "dossiers") {
			w.codes = append(w.codes, fmt.Sprint(w.name, "-", i))
			w.submit(rt, w.codes[i], office)
		}
		w.start()
		for range rapid.IntRange(5, 40).Draw(rt, "steps") {
			code := rapid.SampledFrom(w.codes).Draw(rt, "dossier")
			switch rapid.IntRange(0, 11).Draw(rt, "step") {
			case 0:
				w.broken = append(w.broken, code)
				w.receiver.let(refuse(slices.Clone(w.broken)...))
			case 1:
				w.broken = nil
				w.receiver.let(nil)
			case 2:
				w.receiver.let(everything)
			case 3:
				// The receiver has it, and the answer is lost.
				w.receiver.let(w.lost())
			case 4:
				w.stop()
				w.start()
			case 5:
				w.crash()
			case 6:
				w.resend()
			case 7:
				w.notice(rt, code)
			case 8:
				time.Sleep(time.Duration(rapid.IntRange(0, 10).Draw(rt, "pause")) * time.Millisecond)
			default:
				w.act(rt, code)
			}
		}
		w.receiver.let(nil)
		wanted := w.wanted(rt, w.streams()...)
		eventually(rt, "all is there", func() bool {
			w.resend()
			return w.receiver.hasEach(wanted)
		})
		w.stop()
		w.receiver.hasAll(rt, wanted)
	})
}

// streams are those of this check alone.
func (w *whenever) streams() []string {
	return []string{"dossier-" + w.name + "-", "notice-" + w.name + "-"}
}

func (w *whenever) start() {
	config := w.config(w.receiver)
	config.Name, config.Streams = w.name, w.streams()
	config.MaxBehind = rapid.IntRange(1, 6).Draw(w.t, "most behind")
	config.Concurrency = rapid.IntRange(1, 4).Draw(w.t, "at once")
	w.stop = start(w.t, runner(w.t, config))
}

// crash stops the program without letting it write anything any more.
func (w *whenever) crash() {
	w.store.refuse.Store(true)
	w.stop()
	w.store.refuse.Store(false)
	w.start()
}

// lost takes every second message and says that it did not.
func (w *whenever) lost() func(outbound.Message) error {
	n := 0
	return func(m outbound.Message) error {
		if n++; n%2 == 0 {
			return nil
		}
		return &outbound.Failure{Reason: "no answer"}
	}
}

func (w *whenever) resend() {
	if _, err := w.deliveries.Resend(context.Background(), admin, w.name); err != nil {
		w.t.Fatalf("%v", err)
	}
}
