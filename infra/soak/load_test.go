package soak

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The sample people and places that act.
const (
	agency     = "G01.21"
	procedure  = "3.000347"
	desk       = "o-g01-21-1"
	specialist = "o-g01-21-2"
	leader     = "o-g01-21-4"
	registrar  = "o-g01-21-5"
	signed     = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
)

// life is what is done with a dossier after its submission, in order.
var life = []struct{ as, action, body string }{
	{desk, "receive", `{"slip":"TN-1"}`},
	{desk, "start-step", `{"step":"reception"}`},
	{desk, "complete-step", `{"step":"reception"}`},
	{desk, "assign", `{"department":"specialist","officer":"` + specialist + `"}`},
	{specialist, "start-step", `{"step":"appraisal"}`},
	{specialist, "request-supplement", `{"slip":"BS-1","components":[{"code":"photo","copies":1}],"why":{"ground":"unreadable","text":"ảnh mờ"},"basis":"NĐ 118/2025/NĐ-CP","approver":"` + leader + `"}`},
	{"", "provide-supplement", `{"documents":[{"component":"photo","hash":"` + strings.Repeat("ab", 32) + `","size_bytes":1000,"media_type":"image/png","form":"electronic"}]}`},
	{specialist, "appraise", `{"conclusion":"eligible"}`},
	{specialist, "complete-step", `{"step":"appraisal"}`},
	{specialist, "submit-for-signature", `{"hash":"` + signed + `"}`},
	{leader, "sign", `{"hash":"` + signed + `"}`},
	{registrar, "issue-result", `{"number":"KQ-1","hash":"` + signed + `"}`},
	{desk, "deliver-result", `{"method":"counter"}`},
	{"", "rate", `{"satisfied":true}`},
}

// file is a dossier that somebody works on.
type file struct {
	code, applicant string
	stage           int
	watched         bool
}

// load is people who act through the HTTP API, go on whatever happens, and note
// in the diary what they were told.
type load struct {
	t     *testing.T
	url   string
	diary *diary
	// ahead is by how much the positions that people are told are higher than
	// the store's own: one where the ledger's store speaks EventStoreDB's protocol.
	ahead  uint64
	seed   uint64
	pace   time.Duration
	client *http.Client

	mu     sync.Mutex
	files  []*file
	busy   []*file // dossiers that get documents only; their live timeline is watched
	tokens map[string]string
	number int
	keys   string // what all keys begin with

	// epoch is a span of time in which something particular holds of the site.
	epoch atomic.Int64

	stop context.CancelFunc
	done sync.WaitGroup
}

const (
	filesMax  = 120
	busyMax   = 3
	answerMax = 30 * time.Second
)

func newLoad(t *testing.T, url string, seed uint64, pace time.Duration) *load {
	return &load{
		t: t, url: url, seed: seed, pace: pace, diary: newDiary(), tokens: map[string]string{}, keys: fmt.Sprintf("soak-%d", seed),
		client: &http.Client{Timeout: answerMax, Transport: &http.Transport{
			DialContext: (&net.Dialer{Timeout: answerMax}).DialContext, MaxIdleConnsPerHost: 64, DisableCompression: true,
		}},
	}
}

func (l *load) start(people int) {
	ctx, cancel := context.WithCancel(context.Background())
	l.stop = cancel
	for i := range people {
		l.done.Go(func() { l.act(ctx, rand.New(rand.NewPCG(l.seed, uint64(i)))) })
	}
}

// end lets everybody finish what they are at, or give it up.
func (l *load) end() {
	l.stop()
	l.done.Wait()
	l.client.CloseIdleConnections()
}

func (l *load) act(ctx context.Context, r *rand.Rand) {
	for ctx.Err() == nil {
		switch n := r.IntN(100); {
		case n < 22:
			l.submit(ctx, r)
		case n < 27:
			l.again(ctx, r)
		case n < 30:
			l.forbidden(ctx, r)
		case n < 35:
			l.race(ctx, r)
		case n < 45:
			l.attach(ctx, r)
		default:
			l.next(ctx, r)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(r.Int64N(int64(2*l.pace) + 1))):
		}
	}
}

func (l *load) request(actor, path, body string) *request {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.number++
	return &request{actor: actor, path: path, body: body, key: fmt.Sprintf("%s-%d", l.keys, l.number)}
}

// submit hands in a dossier, as a citizen or, at the desk, for somebody whose
// personal data has no key yet. Now and then it is sent twice at once.
func (l *load) submit(ctx context.Context, r *rand.Rand) {
	actor := []string{"citizen-an", "citizen-binh"}[r.IntN(2)]
	applicant, channel := actor, "online"
	q := l.request(actor, "/api/v1/dossiers", "")
	q.submits = true
	q.name = "Người Mẫu " + q.key
	if r.IntN(2) == 0 {
		q.actor, channel, applicant = desk, "in-person", "p-"+q.key
	}
	q.body = fmt.Sprintf(`{"procedure":%q,"channel":%q,"receiving_agency":%q,"competent_agency":%q,"delivery":"post",
"applicant":{"subject":%q,"kind":"citizen","name":%q,"phone":"0900000001"},"documents":[%s,%s,%s]}`,
		procedure, channel, agency, agency, applicant, q.name,
		document("application", signed), document("licence", signed), document("photo", signed))
	if r.IntN(10) == 0 {
		l.twice(ctx, q, r)
	} else {
		l.carry(ctx, q, r)
	}
	if q.fate != acknowledged {
		return
	}
	f := &file{code: q.answer.Code, applicant: applicant}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case actor == applicant && len(l.busy) < busyMax:
		l.busy = append(l.busy, f)
	case len(l.files) < filesMax:
		l.files = append(l.files, f)
	default:
		l.files[r.IntN(filesMax)] = f
	}
}

func document(component, hash string) string {
	return `{"component":"` + component + `","hash":"` + hash + `","size_bytes":1000,"media_type":"application/pdf","form":"electronic","file_name":"don.pdf"}`
}

func (l *load) pick(r *rand.Rand) *file {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.files) == 0 {
		return nil
	}
	return l.files[r.IntN(len(l.files))]
}

// next does the next thing in the life of a dossier. Where it is not known
// whether that was done it goes on, as people do.
func (l *load) next(ctx context.Context, r *rand.Rand) {
	f := l.pick(r)
	if f == nil {
		return
	}
	l.mu.Lock()
	stage := f.stage
	if stage < len(life) {
		f.stage++
	}
	l.mu.Unlock()
	if stage >= len(life) {
		return
	}
	step := life[stage]
	as := step.as
	if as == "" {
		if as = f.applicant; !strings.HasPrefix(as, "citizen-") {
			as = desk
		}
	}
	l.carry(ctx, l.request(as, "/api/v1/dossiers/"+f.code+"/"+step.action, step.body), r)
}

// attach hands in another document for one of the dossiers that are watched live.
func (l *load) attach(ctx context.Context, r *rand.Rand) {
	l.mu.Lock()
	var f *file
	if len(l.busy) > 0 {
		f = l.busy[r.IntN(len(l.busy))]
	}
	l.mu.Unlock()
	if f == nil {
		return
	}
	q := l.request(f.applicant, "/api/v1/dossiers/"+f.code+"/attach-document", document("", fmt.Sprintf("%064x", r.Uint64())))
	l.carry(ctx, q, r)
	if q.problem == "dossier.too-many-documents" {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.busy = slices.DeleteFunc(l.busy, func(b *file) bool { return b == f })
	}
}

// race lets two people insist on the same revision: one of them is refused.
func (l *load) race(ctx context.Context, r *rand.Rand) {
	f := l.pick(r)
	if f == nil || !strings.HasPrefix(f.applicant, "citizen-") {
		return
	}
	path := "/api/v1/dossiers/" + f.code
	status, header, _, err := l.send(ctx, http.MethodGet, path, "", nil)
	if err != nil || status != http.StatusOK {
		return
	}
	var both sync.WaitGroup
	for range 2 {
		q := l.request(f.applicant, path+"/attach-document", document("", fmt.Sprintf("%064x", r.Uint64())))
		q.ifMatch = header.Get("ETag")
		own := rand.New(rand.NewPCG(r.Uint64(), 0))
		both.Go(func() { l.carry(ctx, q, own) })
	}
	both.Wait()
}

// forbidden asks for what the order of the law does not allow.
func (l *load) forbidden(ctx context.Context, r *rand.Rand) {
	if f := l.pick(r); f != nil {
		l.carry(ctx, l.request(registrar, "/api/v1/dossiers/"+f.code+"/issue-result", `{"number":"KQ-0","hash":"`+signed+`"}`), r)
	}
}

// again repeats a request that was acknowledged before: the answer is the same.
func (l *load) again(ctx context.Context, r *rand.Rand) {
	entries, _ := l.diary.told()
	if len(entries) == 0 {
		return
	}
	old := entries[r.IntN(len(entries))]
	if old.fate != acknowledged || len(old.answer.Events) == 0 {
		return
	}
	repeat := request{actor: old.actor, path: old.path, body: old.body, key: old.key, ifMatch: old.ifMatch}
	if l.try(ctx, &repeat) != acknowledged {
		if repeat.fate == refused {
			l.diary.complain("the repeat of %s %s was refused: %s", old.path, old.key, repeat.problem)
		}
		return
	}
	l.diary.mu.Lock()
	l.diary.repeats++
	l.diary.mu.Unlock()
	l.compare(old, &repeat)
}

func (l *load) compare(first, second *request) {
	if fmt.Sprint(first.answer) != fmt.Sprint(second.answer) {
		l.diary.complain("%s %s was answered %+v and then %+v", first.path, first.key, first.answer, second.answer)
	}
}

// twice sends one request twice at once, as an impatient browser does.
func (l *load) twice(ctx context.Context, q *request, r *rand.Rand) {
	other := *q
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.try(ctx, &other)
	}()
	l.persist(ctx, q, r)
	<-done
	q.unsure = q.unsure || other.unsure
	switch {
	case q.fate == acknowledged && other.fate == acknowledged:
		l.compare(q, &other)
	case q.fate+other.fate == acknowledged+refused && q.fate != givenUp && other.fate != givenUp:
		l.diary.complain("%s %s was both done and refused (%s)", q.path, q.key, q.problem+other.problem)
	}
	l.diary.close(q)
}

// carry sends a request and notes how it ended.
func (l *load) carry(ctx context.Context, q *request, r *rand.Rand) {
	l.persist(ctx, q, r)
	l.diary.close(q)
}

// persist sends a request, again with the same key where it is not known how it
// ended and as long as patience lasts.
func (l *load) persist(ctx context.Context, q *request, r *rand.Rand) {
	for ctx.Err() == nil {
		if l.try(ctx, q) != givenUp || r.IntN(12) == 0 {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(20+r.IntN(80)) * time.Millisecond):
		}
	}
}

// try sends a request once.
func (l *load) try(ctx context.Context, q *request) fate {
	header := map[string]string{"Idempotency-Key": q.key}
	if q.ifMatch != "" {
		header["If-Match"] = q.ifMatch
	}
	token, err := l.token(ctx, q.actor)
	if err != nil {
		return givenUp
	}
	header["Authorization"] = "Bearer " + token
	q.epoch = l.epoch.Load()
	// Whoever has sent something waits for the answer, also at the end.
	status, answered, body, err := l.send(context.WithoutCancel(ctx), http.MethodPost, q.path, q.body, header)
	switch {
	case err != nil, status >= 500, status == http.StatusTooManyRequests:
		q.unsure = true
		return givenUp
	case status == http.StatusUnauthorized:
		// The token is of another time, after the clock has jumped.
		l.mu.Lock()
		delete(l.tokens, q.actor)
		l.mu.Unlock()
		return givenUp
	case status < 300:
		if err := json.Unmarshal(body, &q.answer); err != nil {
			l.diary.complain("%s %s: an answer that is no JSON: %v: %s", q.path, q.key, err, body)
		}
		q.repeated = answered.Get("Idempotent-Replayed") == "true"
		q.answer.Position -= min(q.answer.Position, l.ahead)
		q.fate = acknowledged
	default:
		q.problem = problemOf(body)
		q.fate = refused
	}
	return q.fate
}

func problemOf(body []byte) string {
	var problem struct {
		Code string `json:"code"`
	}
	if json.Unmarshal(body, &problem) != nil {
		return "no problem: " + string(body[:min(200, len(body))])
	}
	return problem.Code
}

// token signs somebody in.
func (l *load) token(ctx context.Context, persona string) (string, error) {
	l.mu.Lock()
	token := l.tokens[persona]
	l.mu.Unlock()
	if token != "" {
		return token, nil
	}
	status, _, body, err := l.send(ctx, http.MethodPost, "/dev/token", `{"persona":"`+persona+`"}`, nil)
	if err != nil {
		return "", err
	}
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || status != http.StatusOK {
		return "", fmt.Errorf("no token for %s: %d %s", persona, status, body)
	}
	l.mu.Lock()
	l.tokens[persona] = answer.Token
	l.mu.Unlock()
	return answer.Token, nil
}

// send makes one HTTP request.
func (l *load) send(ctx context.Context, method, path, body string, header map[string]string) (int, http.Header, []byte, error) {
	q, err := http.NewRequestWithContext(ctx, method, l.url+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, nil, err
	}
	if body != "" {
		q.Header.Set("Content-Type", "application/json")
	}
	for name, value := range header {
		q.Header.Set(name, value)
	}
	began := time.Now()
	response, err := l.client.Do(q)
	if err != nil {
		return 0, nil, nil, err
	}
	defer func() { _ = response.Body.Close() }() // it was only read
	var text bytes.Buffer
	if _, err := io.Copy(&text, response.Body); err != nil {
		return 0, nil, nil, err
	}
	if method == http.MethodPost && strings.HasPrefix(path, "/api/") {
		code := ""
		if response.StatusCode >= 300 {
			code = problemOf(text.Bytes())
		}
		l.diary.answered(response.StatusCode, code, time.Since(began))
	}
	return response.StatusCode, response.Header, text.Bytes(), nil
}
