// SPDX-License-Identifier: BSD-2-Clause

package interop

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/tailscale/hujson"
	"sigs.k8s.io/yaml"
	"tailscale.com/tailcfg"
)

// What upstream's decoder makes of documents, against `derpmap convert`. Both
// must see the same map, or the difference is one of those listed below.

const derpMapVectors = "../vectors/derpmaps"

// convertMap runs our program on a file: the map, and what is said of it.
func convertMap(t *testing.T, path string) (string, string, error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(program, "derpmap", "convert", "--json", path)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", stderr.String(), fmt.Errorf("%w\n%s", err, stderr.String())
	}
	return stdout.String(), stderr.String(), nil
}

// decodeMap is upstream's view of a document: comments and trailing commas
// aside, what encoding/json reads into tailcfg's type.
func decodeMap(text []byte, isYAML bool) (*tailcfg.DERPMap, error) {
	var dm tailcfg.DERPMap
	if isYAML {
		return &dm, yaml.Unmarshal(text, &dm)
	}
	plain, err := hujson.Standardize(bytes.TrimPrefix(text, []byte("\ufeff")))
	if err != nil {
		return nil, err
	}
	var wrapped map[string]json.RawMessage
	if json.Unmarshal(plain, &wrapped) == nil && len(wrapped) == 1 {
		for key, inner := range wrapped {
			if strings.EqualFold(key, "derpMap") {
				plain = inner
			}
		}
	}
	return &dm, json.Unmarshal(plain, &dm)
}

// repairMap does to a decoded map what our reader does with a remark or
// silently: it fills in what is missing and leaves out what means nothing.
func repairMap(dm *tailcfg.DERPMap) {
	for id, region := range dm.Regions {
		if region != nil {
			repairRegion(id, region)
		}
	}
	if dm.HomeParams != nil {
		for id, score := range dm.HomeParams.RegionScore {
			if id < 1 || id > 65535 || score <= 0 {
				delete(dm.HomeParams.RegionScore, id)
			}
		}
		if len(dm.HomeParams.RegionScore) == 0 {
			dm.HomeParams = nil
		}
	}
	if dm.Regions == nil {
		dm.Regions = map[int]*tailcfg.DERPRegion{}
	}
}

// A score whose key is written as no id is ("01") is left out, with a warning;
// upstream takes it, also instead of the one of the real id ("1").
var noID = regexp.MustCompile(
	`RegionScore\.([+-]?\d+): the key must be a region's id`)

func leaveOutScores(dm *tailcfg.DERPMap, ours, said string) {
	var got tailcfg.DERPMap
	if json.Unmarshal([]byte(ours), &got) != nil {
		return
	}
	for _, match := range noID.FindAllStringSubmatch(said, -1) {
		if id, err := strconv.Atoi(match[1]); err == nil && dm.HomeParams != nil {
			delete(dm.HomeParams.RegionScore, id)
			if got.HomeParams != nil && got.HomeParams.RegionScore[id] != 0 {
				dm.HomeParams.RegionScore[id] = got.HomeParams.RegionScore[id]
			}
		}
	}
}

func repairRegion(id int, region *tailcfg.DERPRegion) {
	region.RegionID = id
	if region.RegionCode == "" {
		region.RegionCode = fmt.Sprintf("r%d", id)
	}
	if region.RegionName == "" {
		region.RegionName = region.RegionCode
	}
	if region.Latitude < -90 || region.Latitude > 90 {
		region.Latitude = 0
	}
	if region.Longitude < -180 || region.Longitude > 180 {
		region.Longitude = 0
	}
	var nodes []*tailcfg.DERPNode
	for i, node := range region.Nodes {
		if node == nil {
			continue
		}
		node.RegionID = id
		if node.Name == "" {
			node.Name = fmt.Sprintf("%d%c", id, 'a'+i)
		}
		node.IPv4 = onlyAddress(node.IPv4, netip.Addr.Is4)
		node.IPv6 = onlyAddress(node.IPv6, netip.Addr.Is6)
		if ip, err := netip.ParseAddr(node.STUNTestIP); err != nil ||
			ip.Zone() != "" {
			node.STUNTestIP = ""
		}
		for _, ip := range []string{node.IPv4, node.IPv6} {
			if node.HostName == "" && ip != "none" {
				node.HostName = ip
			}
		}
		nodes = append(nodes, node)
	}
	region.Nodes = nodes
}

func onlyAddress(text string, fits func(netip.Addr) bool) string {
	addr, err := netip.ParseAddr(text)
	if text == "none" || (err == nil && fits(addr) && addr.Zone() == "") {
		return text
	}
	return ""
}

// checkSameMap compares our output with upstream's view of the document, and
// with the bytes that upstream writes for it.
func checkSameMap(t *testing.T, ours string, want *tailcfg.DERPMap) {
	t.Helper()
	var got tailcfg.DERPMap
	decoder := json.NewDecoder(strings.NewReader(ours))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&got); err != nil {
		t.Fatalf("our output: %v\n%s", err, ours)
	}
	repairMap(want)
	if !reflect.DeepEqual(&got, want) {
		theirs, _ := json.MarshalIndent(want, "", "  ")
		t.Fatalf("ours:\n%stheirs:\n%s", ours, theirs)
	}
	theirs, err := json.MarshalIndent(want, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if ours != string(theirs)+"\n" {
		t.Fatalf("bytes: ours:\n%q\ntheirs:\n%q", ours, theirs)
	}
}

func writeMap(t *testing.T, name string, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// fillAll sets every field of a struct to something that is not its zero.
func fillAll(v reflect.Value, seed *int) {
	for i := range v.NumField() {
		field := v.Field(i)
		*seed++
		switch field.Kind() {
		case reflect.Int:
			field.SetInt(int64(*seed))
		case reflect.Float64:
			field.SetFloat(float64(*seed) + 0.5)
		case reflect.Bool:
			field.SetBool(true)
		case reflect.String:
			field.SetString(fmt.Sprintf("h%d.example.com", *seed))
		}
	}
}

// TestDERPMapEveryField: whatever fields tailcfg has, they survive.
func TestDERPMapEveryField(t *testing.T) {
	seed := 0
	var node tailcfg.DERPNode
	var region tailcfg.DERPRegion
	var dm tailcfg.DERPMap
	fillAll(reflect.ValueOf(&node).Elem(), &seed)
	fillAll(reflect.ValueOf(&region).Elem(), &seed)
	fillAll(reflect.ValueOf(&dm).Elem(), &seed)
	node.IPv4, node.IPv6, node.STUNTestIP = "8.8.8.8", "2001:4860::1", "8.8.4.4"
	node.RegionID, region.RegionID = 7, 7
	region.Nodes = []*tailcfg.DERPNode{&node}
	dm.Regions = map[int]*tailcfg.DERPRegion{7: &region}
	dm.HomeParams = &tailcfg.DERPHomeParams{
		RegionScore: map[int]float64{7: 0.25, 10: 2, 9: 1e-7},
	}
	for _, v := range []any{dm, *dm.HomeParams, region, node} {
		for i := range reflect.TypeOf(v).NumField() {
			if reflect.ValueOf(v).Field(i).IsZero() {
				t.Fatalf("%T.%s is new: fill it in here", v,
					reflect.TypeOf(v).Field(i).Name)
			}
		}
	}
	text, err := json.Marshal(&dm)
	if err != nil {
		t.Fatal(err)
	}
	ours, _, err := convertMap(t, writeMap(t, "all.json", text))
	if err != nil {
		t.Fatal(err)
	}
	checkSameMap(t, ours, &dm)
}

// TestDERPMapVectors: the real maps.
func TestDERPMapVectors(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(derpMapVectors, "*.*"))
	if err != nil || len(files) < 20 {
		t.Fatalf("%v %v", files, err)
	}
	for _, path := range files {
		name := filepath.Base(path)
		if filepath.Ext(path) == ".txt" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			want, err := decodeMap(text, filepath.Ext(path) == ".yaml")
			if err != nil {
				t.Fatal(err)
			}
			ours, _, err := convertMap(t, path)
			if name == "kunish-null-regions.yaml" {
				// Upstream reads it as no regions; we say so.
				if err == nil || len(want.Regions) != 0 {
					t.Fatalf("%v, %v", want, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			checkSameMap(t, ours, want)
		})
	}
}

// What we refuse and upstream does not: one of these is said then.
var stricter = []*regexp.Regexp{
	regexp.MustCompile(`is there twice, first at line`),
	regexp.MustCompile(`duplicate key`),
	regexp.MustCompile(`no "Regions" object`),
	regexp.MustCompile(`Regions: must be an object, got null`),
	regexp.MustCompile(`the top level must be an object, got null`),
	regexp.MustCompile(`the key must be an integer from 1 to 65535`),
	regexp.MustCompile(`RegionID: -?\d+ is not the key it stands under`),
	regexp.MustCompile(`RegionID: -?\d+ is out of range`),
	regexp.MustCompile(`must be 1 to 255 bytes without control characters`),
	regexp.MustCompile(`has no nodes, want at least one`),
	regexp.MustCompile(`no node is usable`),
	regexp.MustCompile(`is the name of an earlier node of this region`),
	regexp.MustCompile(`HostName: is missing, want a host name`),
	regexp.MustCompile(`must be a host name or an address, without scheme`),
	regexp.MustCompile(`must be a host name, or sha256-raw:`),
	regexp.MustCompile(`are both "none"`),
	regexp.MustCompile(`(STUN|DERP)Port: -?\d+ is out of range, want`),
	regexp.MustCompile(`half of a surrogate pair|a NUL character in a string`),
	regexp.MustCompile(`invalid UTF-8`),
}

// What we take and upstream refuses: integers written otherwise, and numbers
// or keys that we leave out with a warning.
var laxer = []*regexp.Regexp{
	regexp.MustCompile(`cannot unmarshal number -?\d+(\.0+|(\.\d+)?[eE]\+?\d+)` +
		` into Go struct field .* of type int`),
	regexp.MustCompile(`cannot unmarshal number .* of type float64`),
	regexp.MustCompile(`RegionScore of type int`),
	// A line comment that ends with the text, without a line end.
	regexp.MustCompile(`parsing comment: unexpected EOF`),
}

func matches(list []*regexp.Regexp, text string) bool {
	for _, re := range list {
		if re.MatchString(text) {
			return true
		}
	}
	return false
}

// mutator changes documents at random, repeatably.
type mutator struct{ *rand.Rand }

var mutantValues = []string{
	`null`, `true`, `false`, `0`, `1`, `-1`, `65535`, `65536`, `70000`, `1.0`,
	`1.5`, `1e2`, `-0`, `1e400`, `""`, `"none"`, `"443"`, `"127.0.0.1"`,
	`"::1"`, `"fe80::1%eth0"`, `"1.2.3"`, `"x y"`, `"https://h/"`, `"h:443"`,
	`"a\u0007"`, `"\u00e9<&>\u2028"`, `"\ud800"`, `"\u0000"`, `[]`, `{}`,
	`[null]`, `[{}]`, `"sha256-raw:00"`, `0.25`, `9007199254740993`, `123456`,
}

var mutantKeys = []string{
	"Regions", "regions", "HomeParams", "RegionScore", "omitDefaultRegions",
	"OmitDefaultRegions", "RegionID", "regionid", "RegionCode", "RegionName",
	"Latitude", "Longitude", "Avoid", "NoMeasureNoHome", "Nodes", "Name",
	"HostName", "HOSTNAME", "CertName", "IPv4", "IPv6", "STUNPort", "STUNOnly",
	"DERPPort", "InsecureForTests", "STUNTestIP", "CanPort80", "Foo", "1", "2",
	"01", "-5", "900", "65536", "abc", "",
}

func (m mutator) pick(list []string) string { return list[m.Intn(len(list))] }

// change returns the text with one token replaced, put in or taken out.
func (m mutator) change(text string) string {
	tokens := regexp.MustCompile(
		`"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|[{}\[\]:,]|\w+|\s+`).
		FindAllString(text, -1)
	if len(tokens) == 0 {
		return text
	}
	i := m.Intn(len(tokens))
	isKey := i+1 < len(tokens) && tokens[i+1] == ":"
	switch token := tokens[i]; {
	case isKey:
		key, _ := json.Marshal(m.pick(mutantKeys))
		tokens[i] = string(key)
	case token == ",":
		tokens[i] = m.pick([]string{",,", ", // c\n", ",/*c*/", " ,"})
	case token == "}" || token == "]":
		tokens[i] = m.pick([]string{"," + token, token + " ", token + "//", ""})
	case token == "{":
		key, _ := json.Marshal(m.pick(mutantKeys))
		tokens[i] = fmt.Sprintf("{%s:%s,", key, m.pick(mutantValues))
	case token == ":" || strings.TrimSpace(token) == "":
		tokens[i] = m.pick([]string{token, " ", token + "\t", "/**/" + token})
	default:
		tokens[i] = m.pick(mutantValues)
	}
	return strings.Join(tokens, "")
}

// TestDERPMapMutants: thousands of changed maps, the same map or a difference
// that is listed above.
func TestDERPMapMutants(t *testing.T) {
	seeds := []string{
		`{"Regions":{"900":{"RegionID":900,"RegionCode":"own","RegionName":` +
			`"Own","Latitude":1.5,"Longitude":-2,"Nodes":[{"Name":"900a",` +
			`"RegionID":900,"HostName":"derp.example.com","STUNPort":3478,` +
			`"DERPPort":443,"IPv4":"8.8.8.8","IPv6":"2001:4860::1",` +
			`"CanPort80":true},{"Name":"900b","HostName":"b.example.com",` +
			`"STUNOnly":true,"CertName":"c.example.com"}]},"1":null},` +
			`"HomeParams":{"RegionScore":{"900":0.5,"1":2}},` +
			`"omitDefaultRegions":true}`,
		`{"derpMap":{"Regions":{"2":{"RegionID":2,"RegionCode":"a",` +
			`"RegionName":"A","Avoid":false,"NoMeasureNoHome":true,"Nodes":[` +
			`{"Name":"2a","RegionID":2,"HostName":"1.1.1.1",` +
			`"InsecureForTests":true,"STUNTestIP":"1.1.1.1"}]}}}}`,
	}
	m := mutator{rand.New(rand.NewSource(20260101))}
	dir := t.TempDir()
	counts := map[string]int{}
	for n := range 1500 {
		text := seeds[n%len(seeds)]
		for range 1 + m.Intn(2) {
			text = m.change(text)
		}
		path := filepath.Join(dir, "mutant.json")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		want, theirError := decodeMap([]byte(text), false)
		ours, said, ourError := convertMap(t, path)
		switch {
		case theirError == nil && ourError == nil:
			counts["same"]++
			leaveOutScores(want, ours, said)
			checkSameMap(t, ours, want)
		case theirError != nil && ourError != nil:
			counts["both refuse"]++
		case ourError != nil:
			counts["only we refuse"]++
			if !matches(stricter, ourError.Error()) {
				t.Fatalf("%s\nwe refuse: %v", text, ourError)
			}
		default:
			counts["only upstream refuses"]++
			if !matches(laxer, theirError.Error()) {
				t.Fatalf("%s\nthey refuse: %v", text, theirError)
			}
		}
	}
	var words []string
	for what, n := range counts {
		words = append(words, fmt.Sprintf("%s: %d", what, n))
	}
	sort.Strings(words)
	t.Log(strings.Join(words, ", "))
	if counts["same"] < 300 || counts["only we refuse"] < 100 {
		t.Fatal("the mutants are too tame or too wild")
	}
}
