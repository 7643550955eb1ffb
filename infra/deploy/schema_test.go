package deploy_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// The schemas are those that their makers publish, as files of Go modules at fixed
// versions. Nothing of these modules is compiled.
const (
	kubernetesSchemas = "sigs.k8s.io/kubectl-validate@v0.0.4" // by the makers of kubectl, as Kubernetes serves them
	kubernetesRelease = "pkg/openapiclient/builtins/1.30"
	composeSchema     = "github.com/compose-spec/compose-go/v2@v2.16.2" // the reference loader
)

// module gives the folder of a module, fetched where it is not there yet.
func module(t *testing.T, name string) string {
	t.Helper()
	cmd := exec.Command("go", "mod", "download", "-json", name)
	cmd.Dir = t.TempDir() // outside this module, whose requirements are its own
	out, err := cmd.Output()
	var told struct{ Dir, Error string }
	if jsonErr := json.Unmarshal(out, &told); err != nil || jsonErr != nil || told.Dir == "" {
		t.Skipf("the schemas of %s cannot be fetched: %v %s", name, err, told.Error)
	}
	return told.Dir
}

// plain is a value as JSON has it.
func plain(t *testing.T, value any) any {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	read, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// kubernetes knows the shapes of Kubernetes' objects.
type kubernetes struct {
	folder   string
	compiled map[string]*jsonschema.Schema
}

// schema compiles the shape of a kind. What a shape does not name is refused: the
// API server would drop it, or refuse it too.
func (k *kubernetes) schema(t *testing.T, version, kind string) *jsonschema.Schema {
	t.Helper()
	if known, ok := k.compiled[version+"/"+kind]; ok {
		return known
	}
	path := filepath.Join(k.folder, "apis", version+".json")
	group, of, grouped := strings.Cut(version, "/")
	if !grouped {
		group, of, path = "", version, filepath.Join(k.folder, "api", version+".json")
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%s %s is not a version of Kubernetes' own: %v", version, kind, err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	name := ""
	for component, shape := range mapping(document, "components", "schemas") {
		if at(shape, "additionalProperties") == nil && len(mapping(shape, "properties")) > 0 {
			shape.(object)["additionalProperties"] = false
		}
		for _, is := range list(shape, "x-kubernetes-group-version-kind") {
			if text(is, "group") == group && text(is, "version") == of && text(is, "kind") == kind {
				name = component
			}
		}
	}
	if name == "" {
		t.Fatalf("there is no %s %s", version, kind)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("openapi.json", document); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("openapi.json#/components/schemas/" + name)
	if err != nil {
		t.Fatal(err)
	}
	k.compiled[version+"/"+kind] = compiled
	return compiled
}

// foreignKinds are of other programs' APIs, whose shapes are not at hand.
var foreignKinds = []string{"Certificate", "Issuer"}

func (k *kubernetes) check(t *testing.T, where string, o object) {
	t.Helper()
	kind := text(o, "kind")
	if slices.Contains(foreignKinds, kind) {
		return
	}
	if err := k.schema(t, text(o, "apiVersion"), kind).Validate(plain(t, o)); err != nil {
		t.Errorf("%s: %s %s: %v", where, kind, text(o, "metadata", "name"), err)
	}
}

// TestKubernetesSchemas holds every object to the shape that Kubernetes publishes
// for it: as it is written, and as it is applied where kubectl can build that.
func TestKubernetesSchemas(t *testing.T) {
	k := &kubernetes{folder: filepath.Join(module(t, kubernetesSchemas), kubernetesRelease), compiled: map[string]*jsonschema.Schema{}}
	for key, o := range readManifests(t, kustomizations...) {
		k.check(t, key, o)
	}
	// A mistake is one: a field that is not there, a value of the wrong kind, nothing to select.
	for what, wrong := range map[string]object{
		"an unknown field":    {"apiVersion": "v1", "kind": "Service", "metadata": object{"name": "x"}, "spec": object{"port": []any{}}},
		"a text for a number": {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": object{"name": "x"}, "spec": object{"replicas": "three"}},
		"no selector":         {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": object{"name": "x"}, "spec": object{"template": object{}}},
	} {
		if err := k.schema(t, text(wrong, "apiVersion"), text(wrong, "kind")).Validate(plain(t, wrong)); err == nil {
			t.Errorf("%s is taken", what)
		}
	}
	kubectl, err := exec.LookPath("kubectl")
	if err != nil {
		t.Skip("kubectl is not installed: what it would apply is not checked")
	}
	for _, folder := range kustomizations {
		built, err := exec.Command(kubectl, "kustomize", folder).Output()
		if err != nil {
			t.Fatalf("%s: %v", folder, err)
		}
		seen := 0
		for decoder := yaml.NewDecoder(bytes.NewReader(built)); ; seen++ {
			var o object
			if decoder.Decode(&o) != nil {
				break
			}
			k.check(t, folder+", built", o)
		}
		if seen < 5 {
			t.Errorf("%s makes %d objects", folder, seen)
		}
	}
}

// TestComposeSchema holds the compose files to the schema of the Compose
// Specification.
func TestComposeSchema(t *testing.T) {
	compiler := jsonschema.NewCompiler()
	compiled, err := compiler.Compile(filepath.Join(module(t, composeSchema), "schema", "compose-spec.json"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("compose/*.yaml")
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		if err := compiled.Validate(plain(t, document(t, file))); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	if err := compiled.Validate(plain(t, object{"services": object{"x": object{"imagee": "y"}}})); err == nil {
		t.Error("a service with an unknown field is taken")
	}
}
