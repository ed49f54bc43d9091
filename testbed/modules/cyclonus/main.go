// cyclonus judges probes: what testbed/kubernetes/network_policies.py is checked against.
// In: [{"policies": [NetworkPolicy…], "probes": [matcher.Traffic…]}…]. Out: for each, whether each probe passes.
package main

import (
	"encoding/json"
	"log"
	"os"

	"github.com/mattfenwick/cyclonus/pkg/matcher"
	networking "k8s.io/api/networking/v1"
)

type question struct {
	Policies []*networking.NetworkPolicy `json:"policies"`
	Probes   []*matcher.Traffic          `json:"probes"`
}

func main() {
	var questions []question
	if err := json.NewDecoder(os.Stdin).Decode(&questions); err != nil {
		log.Fatal(err)
	}
	answers := make([][]bool, len(questions))
	for i, asked := range questions {
		policies := matcher.BuildNetworkPolicies(false, asked.Policies)
		for _, probe := range asked.Probes {
			answers[i] = append(answers[i], policies.IsTrafficAllowed(probe).IsAllowed())
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		log.Fatal(err)
	}
}
