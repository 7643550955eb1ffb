package backup_test

import (
	"context"
	"encoding/xml"
	"errors"
	"iter"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"dossierledger/domain/fault"
	"dossierledger/infra/backup"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/storetest"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3afero"
	"github.com/spf13/afero"
)

const accessKey = "AKIDTEST"

// objectStore is a server of the S3 protocol in this process, on files, that
// takes only requests that are signed for its region with the test's key.
func objectStore(t *testing.T) backup.S3 {
	t.Helper()
	objects, err := s3afero.MultiBucket(afero.NewBasePathFs(afero.NewOsFs(), t.TempDir()))
	done(t, err)
	done(t, objects.CreateBucket("ledger"))
	protocol := gofakes3.New(objects).Server()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		signed := r.Header.Get("Authorization")
		if !strings.HasPrefix(signed, "AWS4-HMAC-SHA256 Credential="+accessKey+"/") || !strings.Contains(signed, "/hanoi/s3/aws4_request") {
			w.WriteHeader(http.StatusForbidden)
			done(t, xml.NewEncoder(w).Encode(struct {
				XMLName xml.Name `xml:"Error"`
				Code    string
			}{Code: "AccessDenied"}))
			return
		}
		protocol.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	t.Setenv("AWS_ACCESS_KEY_ID", accessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", "not a secret")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "none"))
	return backup.S3{Endpoint: server.URL, Region: "hanoi"}
}

func bucket(t *testing.T, name string, s3 backup.S3) backup.Place {
	t.Helper()
	p, err := backup.OpenPlace(name, s3)
	done(t, err)
	return p
}

func TestBackupsInABucket(t *testing.T) {
	s3 := objectStore(t)
	events, snapshots := bucket(t, "s3://ledger/office/events/", s3), bucket(t, "s3://ledger/office/keys", s3)
	log := slices.Collect(storetest.Log(1, 4000))
	dir := t.TempDir()
	for _, part := range [][]eventstore.Recorded{log[:2500], log[2500:]} {
		s := filled(t, dir, part)
		taken, err := backup.Events(t.Context(), s, events, backup.EventsOptions{Engine: backup.EngineEmbedded}.InSegmentsOf(200<<10))
		if err != nil || taken.Events != uint64(len(part)) || taken.Segments < 3 || taken.Place != "s3://ledger/office/events" {
			t.Fatalf("%+v, %v", taken, err)
		}
		done(t, s.Close())
	}
	if !reflect.DeepEqual(read(t, events), log) {
		t.Error("another log is read back")
	}
	for range 3 {
		_, err := backup.Keys(t.Context(), someKeys(30), snapshots, backup.KeysOptions{Keep: 2})
		done(t, err)
	}
	if names, err := snapshots.List(t.Context(), "snapshots/"); err != nil || len(names) != 4 {
		t.Errorf("%v, %v", names, err)
	}
	snapshot, err := backup.OpenSnapshot(t.Context(), snapshots, "")
	done(t, err)
	n := 0
	for _, err := range snapshot.Read(t.Context()) {
		done(t, err)
		n++
	}
	if n != 32 {
		t.Errorf("%d keys", n)
	}
	if _, err := backup.Keys(t.Context(), someKeys(1), events, backup.KeysOptions{}); !errors.Is(err, backup.ErrKind) {
		t.Errorf("keys to events: %v", err)
	}
	names, err := events.List(t.Context(), "segments/")
	done(t, err)
	done(t, events.Remove(t.Context(), names[2]))
	done(t, events.Remove(t.Context(), names[2]))
	opened, err := backup.OpenLog(t.Context(), events, 0)
	done(t, err)
	defects, err := opened.Check(t.Context())
	if err != nil || len(defects) != 1 || !strings.Contains(defects[0].Error(), names[2]+" in s3://ledger/office/events is missing") {
		t.Errorf("%v, %v", defects, err)
	}
}

// meanwhile is a ledger during whose reading something else happens.
type meanwhile struct {
	backup.Source
	happens func()
}

func (m meanwhile) ReadAll(ctx context.Context, r eventstore.AllRead) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		m.Source.ReadAll(ctx, r)(yield)
		m.happens()
	}
}

// A bucket has no locks: of two runs at once one writes the next manifest, the
// other is told, and the chain is whole.
func TestOfTwoRunsAtOnceOneCounts(t *testing.T) {
	place := bucket(t, "s3://ledger", objectStore(t))
	log := slices.Collect(storetest.Log(1, 500))
	s := filled(t, t.TempDir(), log)
	defer s.Close()
	slow := meanwhile{s, func() { backUp(t, s, place) }}
	if _, err := backup.Events(t.Context(), slow, place, backup.EventsOptions{Engine: backup.EngineEmbedded}); !errors.Is(err, backup.ErrBusy) {
		t.Errorf("%v", err)
	}
	if again := backUp(t, s, place); again.Events != 0 || again.Total != 500 || again.Manifest != 1 {
		t.Errorf("%+v", again)
	}
	if !reflect.DeepEqual(read(t, place), log) {
		t.Error("another log is read back")
	}
}

func TestWhatIsWrongWithABucketIsSaid(t *testing.T) {
	s3 := objectStore(t)
	s := filled(t, t.TempDir(), slices.Collect(storetest.Log(1, 5)))
	defer s.Close()
	run := func(place backup.Place) error {
		_, err := backup.Events(t.Context(), s, place, backup.EventsOptions{})
		return err
	}
	if err := run(bucket(t, "s3://elsewhere/x", s3)); fault.CodeOf(err) != "backup.no-bucket" {
		t.Errorf("no bucket: %v", err)
	}
	if _, err := backup.OpenLog(t.Context(), bucket(t, "s3://ledger/none", s3), 0); !errors.Is(err, backup.ErrNone) {
		t.Errorf("no backup: %v", err)
	}
	credentials := filepath.Join(t.TempDir(), "credentials")
	done(t, os.WriteFile(credentials, []byte("[default]\naws_access_key_id = "+accessKey+"\naws_secret_access_key = x\n"), 0o600))
	done(t, os.Unsetenv("AWS_ACCESS_KEY_ID"))
	done(t, os.Unsetenv("AWS_SECRET_ACCESS_KEY"))
	if err := run(bucket(t, "s3://ledger/x", s3)); err == nil {
		t.Error("a request that is not signed is taken")
	}
	done(t, os.Setenv("AWS_SHARED_CREDENTIALS_FILE", credentials))
	if err := run(bucket(t, "s3://ledger/x", s3)); err != nil {
		t.Errorf("with a credentials file: %v", err)
	}
	for _, endpoint := range []string{"s3.example.org", "ftp://s3.example.org", "https://user:secret@s3.example.org", "https://"} {
		if _, err := backup.OpenPlace("s3://ledger", backup.S3{Endpoint: endpoint}); fault.CodeOf(err) != "usage.s3" || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
	if _, err := backup.OpenPlace("s3:///prefix", s3); fault.CodeOf(err) != "usage.s3" {
		t.Errorf("no bucket's name: %v", err)
	}
}
