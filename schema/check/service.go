package check

import "github.com/sessgen/sessgen/schema/diag"

// service checks a service.
func (c *checker) service(s *serviceSource) {
	seen := map[string]bool{}
	for _, r := range s.decl.RPCs {
		if seen[r.Name.Name] {
			c.report(diag.Repeated, r.Name, "rpc %s is there twice", r.Name.Name)
		}
		seen[r.Name.Name] = true
	}
}
