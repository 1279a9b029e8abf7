package diag

// What is allowed, but usually a mistake: a schema with warnings can be used.
const (
	NeverHolds        Code = "never-holds"        // a predicate that no value fulfils
	AlwaysHolds       Code = "always-holds"       // a predicate that every value fulfils
	NeverTaken        Code = "never-taken"        // a side of an if that no run takes
	Stuck             Code = "stuck"              // a place where the role that is to send cannot
	SelfCompare       Code = "self-compare"       // a value compared with itself
	NeverContinued    Code = "never-continued"    // a recursion without a continue
	UnusedParameter   Code = "unused-parameter"   // a recursion's parameter that nothing uses
	ConstantParameter Code = "constant-parameter" // a recursion's parameter that never changes
)
