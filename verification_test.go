package sessgen_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestVerificationNamesTests keeps docs/verification.md honest: every test that it names is there.
func TestVerificationNamesTests(t *testing.T) {
	page, err := os.ReadFile("docs/verification.md")
	require.NoError(t, err)
	files, err := exec.Command("git", "ls-files", "--cached", "--others", "--exclude-standard", "*_test.go").Output()
	require.NoError(t, err)
	var tests strings.Builder
	for _, file := range strings.Fields(string(files)) {
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		tests.Write(source)
	}
	names := regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9]+)`").FindAllStringSubmatch(string(page), -1)
	require.Greater(t, len(names), 60)
	for _, name := range names {
		if !strings.Contains(tests.String(), "\nfunc "+name[1]+"(") {
			t.Errorf("docs/verification.md names %s, which is not there", name[1])
		}
	}
}
