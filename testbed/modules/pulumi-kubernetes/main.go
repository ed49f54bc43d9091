// Command pulumi-kubernetes serves Pulumi's Kubernetes provider.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"
)

// version is set by the build.
var version = "v0.0.0"

func main() {
	provider.Serve("kubernetes", strings.TrimPrefix(version, "v"), read("schema.json"), read("terraform-mapping.json"))
}

// read returns a file that the build put beside the program.
func read(name string) []byte {
	program, err := os.Executable()
	if err == nil {
		var content []byte
		if content, err = os.ReadFile(filepath.Join(filepath.Dir(program), name)); err == nil {
			return content
		}
	}
	fmt.Fprintln(os.Stderr, "error:", err)
	os.Exit(1)
	return nil
}
