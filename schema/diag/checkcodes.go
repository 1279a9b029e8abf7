package diag

// The rules that the checker enforces.
const (
	PackageName    Code = "package"            // files of one folder are one package, and not main
	Repeated       Code = "repeated"           // a name, role, member or field that is there already
	Shadow         Code = "shadow"             // a name that something visible has already
	Unknown        Code = "unknown"            // a name that nothing has
	BadImport      Code = "import"             // a package that cannot be had
	BadExtern      Code = "extern"             // a Go type that is none, or cannot be carried
	BadConst       Code = "constant"           // a value that is no constant, or does not fit
	BadType        Code = "payload-type"       // a type that cannot be carried
	WrapType       Code = "wrap"               // a type that can be carried inside a struct only
	Endless        Code = "endless-type"       // a struct that contains itself
	FieldNumber    Code = "field-number"       // out of range, repeated, or reserved
	EmptyType      Code = "empty"              // an enum or union without members
	Roles          Code = "roles"              // a protocol has two different roles
	SelfSend       Code = "self-send"          // a role sends to itself
	EmptyProtocol  Code = "no-message"         // a protocol without a message
	ChoiceBranches Code = "branches"           // a choice has at least two
	BranchStart    Code = "branch-start"       // how a branch may begin
	BranchLabel    Code = "branch-label"       // labels of a choice are distinct
	BadAs          Code = "as"                 // a name for a place that has one
	AfterJump      Code = "unreachable"        // statements that nothing leads to
	TooManyPlaces  Code = "too-many-states"    // protocols that do each other into thousands of states
	EmptyBlock     Code = "empty-if"           // an if that decides nothing
	Unguarded      Code = "unguarded"          // a loop without a message
	BadContinue    Code = "continue"           // a rec that is not around, or wrong arguments
	BadPredicate   Code = "predicate"          // not boolean, or does not type-check
	BadValue       Code = "value"              // an initialiser or argument that does not type-check
	BadCompare     Code = "comparison"         // == on what has no meaning at two ends
	FloatState     Code = "float-state"        // float arithmetic where both ends must agree
	Refused        Code = "refused-expression" // what an expression may not hold
	DoCycle        Code = "do-cycle"           // protocols that do each other
	NameClash      Code = "name-clash"         // two Go names that meet
	ReservedName   Code = "reserved-name"      // Start, End
	StreamParam    Code = "stream"             // a stream has exactly one parameter
	RequiresReply  Code = "requires-reply"     // a precondition that names the reply
	Captured       Code = "captured"           // a name in an expression that Go beside the schema takes
	FileName       Code = "file-name"          // a file that Go would not build
)
