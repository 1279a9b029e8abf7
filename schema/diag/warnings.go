package diag

// What is allowed, and yet wrong more often than not: a schema with warnings can be used.
const (
	NeverHolds        Code = "never-holds"        // a predicate that no value fulfils
	AlwaysHolds       Code = "always-holds"       // a predicate that every value fulfils
	NeverTaken        Code = "never-taken"        // a side of an if that no run takes
	Stuck             Code = "stuck"              // a place where the role that is to send cannot
	SelfCompare       Code = "self-compare"       // a value compared with itself
	UnusedParameter   Code = "unused-parameter"   // a recursion's parameter that nothing uses
	ConstantParameter Code = "constant-parameter" // a recursion's parameter that never changes
)

// warningRules are the rules whose breach is a warning.
var warningRules = []Rule{
	{
		NeverHolds, "A where that no value can fulfil means that its message is never sent. What is known of a variable " +
			"comes from its type, and from the predicates and values of every run that gets there.",
		"package a\n\nprotocol P(A, B) {\n    choice at A {\n        A -> B: M(n uint32) where n < 0\n    } or {\n        A -> B: N()\n    }\n}\n",
	},
	{
		AlwaysHolds, "A where that every value fulfils says nothing. It may be left out, or was meant otherwise.",
		"package a\n\nprotocol P(A, B) {\n    A -> B: M(data []byte) where len(data) >= 0\n}\n",
	},
	{
		NeverTaken, "A condition that is the same in every run makes one side of its if superfluous.",
		"package a\n\nprotocol P(A, B) {\n    A -> B: M(n int) where n > 5\n    if n > 3 {\n        A -> B: N()\n    } else {\n        B -> A: N()\n    }\n}\n",
	},
	{
		Stuck, "Where a role is to send, it must be able to: if no predicate can hold, neither role can go on. The " +
			"message shows a run that ends there, with the values of its messages.",
		"package a\n\nprotocol P(A, B) {\n    A -> B: Limit(n int32)\n    B -> A: Above(m int32) where m > n\n}\n",
	},
	{
		SelfCompare, "A comparison of a value with itself is always true or always false.",
		"package a\n\nprotocol P(A, B) {\n    A -> B: M(n, m int) where m > 5 || n == n\n}\n",
	},
	{
		UnusedParameter, "A recursion's parameter that nothing uses, and that never changes, may be left out. One that changes may be there for the program to read.",
		"package a\n\nprotocol P(A, B) {\n    rec R(n int = 0) {\n        choice at A {\n            A -> B: M()\n            continue R(n)\n        } or {\n            A -> B: N()\n        }\n    }\n}\n",
	},
	{
		ConstantParameter, "A recursion's parameter that each continue hands on as it is never changes: use the value that it begins with.",
		"package a\n\nprotocol P(A, B) {\n    A -> B: L(most int)\n    rec R(n int = most) {\n        choice at A {\n            A -> B: M(k int) where k < n\n            continue R(n)\n        } or {\n            A -> B: N()\n        }\n    }\n}\n",
	},
}
