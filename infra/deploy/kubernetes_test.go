package deploy_test

import (
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dossierledger/infra/web"
)

const (
	base       = "kubernetes/base"
	replicated = "kubernetes/clickhouse-replicated"
	cluster    = "kubernetes/cluster"
)

var kustomizations = []string{base, replicated, cluster}

// clusterManifests are what the overlay of the cluster makes of those below it: its
// ledgers take the place of the one that it deletes.
func clusterManifests(t *testing.T) manifests {
	t.Helper()
	all := readManifests(t, base, replicated, cluster)
	for _, patch := range list(document(t, filepath.Join(cluster, "kustomization.yaml")), "patches") {
		o := document(t, filepath.Join(cluster, text(patch, "path")))
		key := text(o, "kind") + "/" + text(o, "metadata", "name")
		if all[key] == nil {
			t.Errorf("the cluster changes %s, which is not there", key)
		}
		if text(o, "$patch") == "delete" {
			delete(all, key)
		}
	}
	return all
}

// workloads are what runs pods, by name.
func (m manifests) workloads() map[string]object {
	all := m.kind("StatefulSet")
	maps.Copy(all, m.kind("Deployment"))
	return all
}

// manifests are the objects of a kustomization, by kind and name.
type manifests map[string]object

func readManifests(t *testing.T, folders ...string) manifests {
	t.Helper()
	all := manifests{}
	for _, folder := range folders {
		for _, resource := range list(document(t, filepath.Join(folder, "kustomization.yaml")), "resources") {
			if strings.HasPrefix(resource.(string), "..") {
				continue
			}
			for _, o := range documents(t, filepath.Join(folder, resource.(string))) {
				key := text(o, "kind") + "/" + text(o, "metadata", "name")
				if text(o, "apiVersion") == "" || strings.HasPrefix(key, "/") || strings.HasSuffix(key, "/") || all[key] != nil {
					t.Errorf("%s: %s has no version, no kind or no name of its own", resource, key)
				}
				if text(o, "kind") == "Secret" {
					t.Errorf("%s holds a secret", resource)
				}
				all[key] = o
			}
		}
	}
	return all
}

func (m manifests) kind(kind string) map[string]object {
	found := map[string]object{}
	for key, o := range m {
		if name, ok := strings.CutPrefix(key, kind+"/"); ok {
			found[name] = o
		}
	}
	return found
}

// configMaps are those that the kustomizations generate.
func configMaps(t *testing.T) map[string]object {
	t.Helper()
	all := map[string]object{}
	for _, folder := range kustomizations {
		for _, m := range list(document(t, filepath.Join(folder, "kustomization.yaml")), "configMapGenerator") {
			all[text(m, "name")] = m.(object)
			for _, file := range list(m, "files") {
				_, path, _ := strings.Cut(file.(string), "=")
				read(t, filepath.Join(folder, path))
			}
		}
	}
	return all
}

func TestKubernetes(t *testing.T) {
	for name, all := range map[string]manifests{"one ledger": readManifests(t, base, replicated), "several": clusterManifests(t)} {
		t.Run(name, func(t *testing.T) { checkKubernetes(t, all) })
	}
	set := readManifests(t, base)["StatefulSet/ledger"]
	patch := mapping(document(t, filepath.Join(replicated, "ledger.yaml")), "spec", "template", "spec")
	checkVolumes(t, "the ledger of the overlay", list(set, "spec", "template", "spec", "volumes"), list(patch, "volumes"),
		list(set, "spec", "volumeClaimTemplates"), list(patch, "containers", 0, "volumeMounts"))
	checkSecrets(t, list(patch, "volumes"))
}

func checkKubernetes(t *testing.T, all manifests) {
	generated := configMaps(t)
	for name, set := range all.workloads() {
		pod := mapping(set, "spec", "template", "spec")
		labels := mapping(set, "spec", "template", "metadata", "labels")
		if service := all["Service/"+text(set, "spec", "serviceName")]; text(set, "kind") == "StatefulSet" && (service == nil || text(service, "spec", "clusterIP") != "None") {
			t.Errorf("%s: the service %q is not there, or not headless", name, text(set, "spec", "serviceName"))
		}
		if !selects(mapping(set, "spec", "selector", "matchLabels"), labels) {
			t.Errorf("%s does not select its own pods", name)
		}
		budget := all["PodDisruptionBudget/"+name]
		if !selects(mapping(budget, "spec", "selector", "matchLabels"), labels) {
			t.Errorf("%s has no disruption budget", name)
		}
		if n := number(set, "spec", "replicas"); n > 1 && len(list(pod, "topologySpreadConstraints")) == 0 {
			t.Errorf("the %d pods of %s may be on one machine", n, name)
		}
		checkPod(t, name, pod, list(set, "spec", "volumeClaimTemplates"), generated)
		checkSecrets(t, list(pod, "volumes"))
	}
	checkPorts(t, all, all.workloads())
}

// checkSecrets holds that docs/deployment.md makes the secrets that are mounted.
func checkSecrets(t *testing.T, volumes []any) {
	t.Helper()
	documented := read(t, "../../docs/deployment.md")
	for _, volume := range volumes {
		secret := text(volume, "secret", "secretName")
		if secret == "" {
			continue
		}
		_, made, found := strings.Cut(documented, "create secret generic "+secret)
		if !found {
			t.Errorf("docs/deployment.md does not make the secret %s", secret)
		}
		made, _, _ = strings.Cut(made, "```")
		for _, item := range list(volume, "secret", "items") {
			if !strings.Contains(made, text(item, "key")) {
				t.Errorf("docs/deployment.md does not give the secret %s its %s", secret, text(item, "key"))
			}
		}
	}
}

func selects(selector, labels object) bool {
	for name, value := range selector {
		if labels[name] != value {
			return false
		}
	}
	return len(selector) > 0
}

func checkPod(t *testing.T, name string, pod object, claims []any, generated map[string]object) {
	t.Helper()
	if at(pod, "securityContext", "runAsNonRoot") != true || text(pod, "securityContext", "seccompProfile", "type") != "RuntimeDefault" ||
		at(pod, "automountServiceAccountToken") != false || at(pod, "enableServiceLinks") != false {
		t.Errorf("%s may be root, is not confined, or is given what it does not need", name)
	}
	for _, volume := range list(pod, "volumes") {
		if m := text(volume, "configMap", "name"); m != "" && generated[m] == nil {
			t.Errorf("%s mounts the map %s, which is not made", name, m)
		}
	}
	for _, container := range append(list(pod, "initContainers"), list(pod, "containers")...) {
		where := name + ": " + text(container, "name")
		checkImage(t, where, text(container, "image"))
		if at(container, "securityContext", "allowPrivilegeEscalation") != false || text(container, "securityContext", "capabilities", "drop", 0) != "ALL" {
			t.Errorf("%s may gain privileges", where)
		}
		if text(container, "resources", "limits", "memory") == "" || text(container, "resources", "requests", "memory") == "" {
			t.Errorf("%s has no bound of memory", where)
		}
		checkVolumes(t, where, list(pod, "volumes"), nil, claims, list(container, "volumeMounts"))
		ports := names(list(container, "ports"))
		for _, probe := range []string{"startupProbe", "livenessProbe", "readinessProbe"} {
			for _, way := range []string{"httpGet", "tcpSocket"} {
				if asked := mapping(container, probe, way); asked != nil && !slices.Contains(ports, text(asked, "port")) {
					t.Errorf("%s: the %s asks the port %v", where, probe, asked["port"])
				}
			}
		}
	}
	if mapping(pod, "containers", 0, "readinessProbe") == nil || mapping(pod, "containers", 0, "livenessProbe") == nil {
		t.Errorf("%s is not probed", name)
	}
}

func names(all []any) []string {
	var found []string
	for _, each := range all {
		found = append(found, text(each, "name"))
	}
	return found
}

func checkVolumes(t *testing.T, where string, volumes, more, claims, mounts []any) {
	t.Helper()
	known := append(names(volumes), names(more)...)
	for _, claim := range claims {
		known = append(known, text(claim, "metadata", "name"))
	}
	for _, mount := range mounts {
		if !slices.Contains(known, text(mount, "name")) {
			t.Errorf("%s mounts %s, which is no volume", where, text(mount, "name"))
		}
	}
}

// checkPorts holds that services and policies name ports that pods have.
func checkPorts(t *testing.T, all manifests, sets map[string]object) {
	t.Helper()
	podOf := func(selector object) object {
		for _, set := range sets {
			if selects(selector, mapping(set, "spec", "template", "metadata", "labels")) {
				return mapping(set, "spec", "template", "spec")
			}
		}
		return nil
	}
	for name, service := range all.kind("Service") {
		ports := list(podOf(mapping(service, "spec", "selector")), "containers", 0, "ports")
		for _, port := range list(service, "spec", "ports") {
			if !slices.Contains(names(ports), text(port, "targetPort")) {
				t.Errorf("the service %s leads to the port %v, which no pod has", name, at(port, "targetPort"))
			}
		}
	}
	open := func(where string, selector object, rules []any) {
		var has []int
		for _, port := range list(podOf(selector), "containers", 0, "ports") {
			has = append(has, number(port, "containerPort"))
		}
		for _, port := range rules {
			if !slices.Contains(has, number(port, "port")) {
				t.Errorf("%s opens the port %v, which the pods %v do not have", where, at(port, "port"), selector)
			}
		}
	}
	for name, policy := range all.kind("NetworkPolicy") {
		own := mapping(policy, "spec", "podSelector", "matchLabels")
		if len(own) > 0 && podOf(own) == nil {
			t.Errorf("the policy %s is about no pod", name)
		}
		for _, rule := range list(policy, "spec", "ingress") {
			open("the policy "+name, own, list(rule, "ports"))
		}
		for _, rule := range list(policy, "spec", "egress") {
			for _, to := range list(rule, "to") {
				if other := mapping(to, "podSelector", "matchLabels"); other != nil {
					open("the policy "+name, other, list(rule, "ports"))
				}
			}
		}
	}
	if policy := all["NetworkPolicy/nothing-by-default"]; policy == nil || len(mapping(policy, "spec", "podSelector")) != 0 || len(list(policy, "spec", "policyTypes")) != 2 {
		t.Error("what no policy allows is not refused")
	}
}

// TestKubernetesLedger holds the ledger's pods to the program.
func TestKubernetesLedger(t *testing.T) {
	known := readSettings(t)
	set, several := readManifests(t, base)["StatefulSet/ledger"], clusterManifests(t)["Deployment/ledger"]
	if number(set, "spec", "replicas") != 1 || text(set, "spec", "volumeClaimTemplates", 0, "spec", "accessModes", 0) != "ReadWriteOncePod" {
		t.Error("two ledgers could want one event store")
	}
	if number(several, "spec", "replicas") < 2 || at(several, "spec", "strategy", "rollingUpdate", "maxUnavailable") != uint64(0) {
		t.Error("there are not several ledgers, or one goes before the next one is ready")
	}
	for _, literal := range list(configMaps(t)["ledger"], "literals") {
		name, _, _ := strings.Cut(literal.(string), "=")
		known.checkVariable(t, "the map", name)
	}
	patch := mapping(document(t, filepath.Join(replicated, "ledger.yaml")), "spec", "template", "spec", "containers", 0)
	for _, variable := range list(patch, "env") {
		known.checkVariable(t, "the overlay", text(variable, "name"))
	}
	for name, pod := range map[string]object{"the pod": mapping(set, "spec", "template", "spec"), "one of several": mapping(several, "spec", "template", "spec")} {
		checkLedgerPod(t, name, pod, known)
	}
}

func checkLedgerPod(t *testing.T, name string, pod object, known settings) {
	t.Helper()
	container := mapping(pod, "containers", 0)
	known.checkArguments(t, name, list(container, "args"))
	delay, mounted := time.Duration(0), map[string]string{}
	for _, mount := range list(container, "volumeMounts") {
		mounted[text(mount, "mountPath")] = text(mount, "name")
	}
	for _, variable := range list(container, "env") {
		setting, value := text(variable, "name"), text(variable, "value")
		known.checkVariable(t, name, setting)
		if setting == "LEDGER_DRAIN_DELAY" {
			var err error
			if delay, err = time.ParseDuration(value); err != nil {
				t.Error(err)
			}
		}
		if strings.HasSuffix(setting, "_FILE") && mounted[filepath.Dir(value)] == "" {
			t.Errorf("%s: %s is %s, where nothing is mounted", name, setting, value)
		}
	}
	if fmt.Sprint(number(container, "ports", 0, "containerPort")) != listenPort(t) {
		t.Errorf("%s has the port %v, the program %s", name, number(container, "ports", 0, "containerPort"), listenPort(t))
	}
	probes := map[string]string{"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}
	for probe, path := range probes {
		if text(container, probe, "httpGet", "path") != path {
			t.Errorf("%s: the %s asks %q", name, probe, text(container, probe, "httpGet", "path"))
		}
	}
	if grace := time.Duration(number(pod, "terminationGracePeriodSeconds")) * time.Second; grace < delay+web.DrainTime+closing {
		t.Errorf("%s has %v to stop", name, grace)
	}
	if at(container, "securityContext", "readOnlyRootFilesystem") != true || number(pod, "securityContext", "runAsUser") != 10001 {
		t.Errorf("%s may write outside its volumes, or is not the image's user", name)
	}
	if mounted[imageVariables(t)["LEDGER_DATA"]] != "data" || mounted["/tmp"] == "" {
		t.Errorf("%s: the data folder or /tmp is no volume: %v", name, mounted)
	}
	// Secrets are readable by the group, which the ledger refuses.
	if key := list(pod, "initContainers", 0, "command"); !slices.Contains(key, any("0600")) || key[len(key)-1] != at(container, "env", 0, "value") {
		t.Errorf("%s: the master key is not copied for its owner alone: %v", name, key)
	}
}

// TestClickHouseCluster holds the cluster's configuration to the pods, and the
// ledger's settings to the cluster.
func TestClickHouseCluster(t *testing.T) {
	all := readManifests(t, replicated)
	cluster, keeper := document(t, replicated+"/config/cluster.yaml"), document(t, replicated+"/config/keeper.yaml")
	hosts := func(sets ...string) map[string]bool {
		named := map[string]bool{}
		for _, set := range sets {
			for i := range number(all["StatefulSet/"+set], "spec", "replicas") {
				named[fmt.Sprintf("%s-%d.%s", set, i, text(all["StatefulSet/"+set], "spec", "serviceName"))] = true
			}
		}
		return named
	}
	listed := func(all []any, key string) map[string]bool {
		named := map[string]bool{}
		for _, each := range all {
			named[text(each, key)] = true
		}
		return named
	}
	variables := map[string]string{}
	for _, v := range list(document(t, replicated+"/ledger.yaml"), "spec", "template", "spec", "containers", 0, "env") {
		variables[text(v, "name")] = text(v, "value")
	}
	name := variables["LEDGER_CLICKHOUSE_CLUSTER"]
	shards := list(cluster, "remote_servers", name, "shard")
	if len(shards) != 2 || text(cluster, "remote_servers", name, "secret", "@from_env") == "" {
		t.Fatalf("the cluster %q has %d shards, or no secret of its own", name, len(shards))
	}
	for i, shard := range shards {
		set := fmt.Sprintf("clickhouse-%d", i+1)
		if got := listed(list(shard, "replica"), "host"); !maps.Equal(got, hosts(set)) || len(got) != 2 || at(shard, "internal_replication") != true {
			t.Errorf("the shard %d has the replicas %v, which do not copy from each other, or are not the pods %v", i+1, got, hosts(set))
		}
		for _, v := range list(all["StatefulSet/"+set], "spec", "template", "spec", "containers", 0, "env") {
			if text(v, "name") == "SHARD" && text(v, "value") != fmt.Sprint(i+1) {
				t.Errorf("%s takes itself for the shard %v", set, at(v, "value"))
			}
		}
	}
	for what, got := range map[string]map[string]bool{
		"the cluster": listed(list(cluster, "zookeeper", "node"), "host"),
		"a Keeper":    listed(list(keeper, "keeper_server", "raft_configuration", "server"), "hostname"),
	} {
		if !maps.Equal(got, hosts("keeper")) || len(got) != 3 {
			t.Errorf("%s knows the Keepers %v, pods are %v", what, got, hosts("keeper"))
		}
	}
	if variables["LEDGER_CLICKHOUSE_REPLICATED"] != "true" || variables["LEDGER_CLICKHOUSE_SHARDED"] != "true" || text(cluster, "default_replica_path") != "/clickhouse/tables/{uuid}/{shard}" {
		t.Error("tables are not replicated, or under a path that cannot be exchanged")
	}
	for host := range hosts("clickhouse-1", "clickhouse-2") {
		if !strings.Contains(read(t, "../../docs/deployment.md"), host+":9000") {
			t.Errorf("the DSN in docs/deployment.md does not name %s", host)
		}
	}
	if read(t, replicated+"/config/users.yaml") != read(t, "clickhouse/users.yaml") {
		t.Error("the accounts of the cluster are not those of the single server")
	}
}

// TestKustomizationsBuild builds what kubectl would apply.
func TestKustomizationsBuild(t *testing.T) {
	kubectl, err := exec.LookPath("kubectl")
	if err != nil {
		t.Skip("kubectl is not installed: the kustomizations are not built")
	}
	for folder, ledgers := range map[string]int{base: 1, replicated: 1, cluster: 1} {
		out, err := exec.Command(kubectl, "kustomize", folder).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", folder, err, out)
		}
		if got := strings.Count(string(out), "secretName: ledger-keys"); got != ledgers {
			t.Errorf("%s makes %d ledgers", folder, got)
		}
	}
}
