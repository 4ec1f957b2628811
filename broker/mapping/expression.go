package mapping

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

const (
	costLimit     = 10_000 // CEL cost units for one expression
	maxExpression = 4096   // characters
	maxRegexp     = 2_000  // instructions of a compiled pattern
	maxNesting    = 2      // exists inside exists
	maxPieces     = 500    // pieces that split gives
)

// variables is everything an expression sees, in the order in which hints list it.
var variables = []string{"claims", "provider.slug", "provider.kind", "client.id",
	"user.id", "user.subject", "user.name", "user.email", "user.email_verified", "user.new"}

// environment is the CEL that rules speak: its standard library and macros,
// optional values (claims.?groups), and two functions of ours. Nothing in it
// reaches a file, the network, the clock or the process.
var environment = sync.OnceValues(func() (*cel.Env, error) {
	text := cel.StringType
	return cel.NewEnv(
		cel.Variable("claims", cel.MapType(text, cel.DynType)),
		cel.Variable("provider.slug", text), cel.Variable("provider.kind", text),
		cel.Variable("client.id", text),
		cel.Variable("user.id", text), cel.Variable("user.subject", text),
		cel.Variable("user.name", text), cel.Variable("user.email", text),
		cel.Variable("user.email_verified", cel.BoolType), cel.Variable("user.new", cel.BoolType),
		cel.Function("keys", cel.Overload("keys_object", []*cel.Type{cel.DynType}, cel.ListType(text), cel.UnaryBinding(keys))),
		cel.Function("split", cel.MemberOverload("string_split", []*cel.Type{text, text}, cel.ListType(text), cel.BinaryBinding(split))),
		cel.OptionalTypes(),
		cel.CrossTypeNumericComparisons(true),
		cel.CustomTypeAdapter(jsonAdapter{}),
		cel.EnableMacroCallTracking(), // explain prints exists(…) as it was written
		cel.ParserExpressionSizeLimit(maxExpression),
		cel.ParserRecursionLimit(64),
		cel.RegexProgramSizeLimit(maxRegexp),
		cel.ASTValidators(cel.ValidateRegexLiterals(), cel.ValidateComprehensionNestingLimit(maxNesting)),
	)
})

// view is an Input as CEL asks for it. It is made once a decision.
type view struct {
	in     *Input
	claims ref.Val
}

func newView(in *Input) *view {
	return &view{in: in, claims: types.NewStringInterfaceMap(jsonAdapter{}, in.Claims)}
}

func (v *view) Parent() cel.Activation { return nil }

func (v *view) ResolveName(name string) (any, bool) {
	switch name {
	case "claims":
		return v.claims, true
	case "provider.slug":
		return v.in.ProviderSlug, true
	case "provider.kind":
		return v.in.ProviderKind, true
	case "client.id":
		return v.in.ClientID, true
	case "user.id":
		return v.in.User.ID, true
	case "user.subject":
		return v.in.User.Subject, true
	case "user.name":
		return v.in.User.Name, true
	case "user.email":
		return v.in.User.Email, true
	case "user.email_verified":
		return v.in.User.EmailVerified, true
	case "user.new":
		return v.in.User.New, true
	}
	return nil, false
}

// jsonAdapter shows decoded JSON to CEL. A whole number is an int, whichever way
// it was decoded, so that claims.level + 1 works.
type jsonAdapter struct{}

func (a jsonAdapter) NativeToValue(value any) ref.Val {
	switch v := value.(type) {
	case map[string]any:
		return &object{types.NewStringInterfaceMap(a, v)}
	case []any:
		return types.NewDynamicList(a, v)
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return types.Int(v)
		}
		return types.Double(v)
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return types.Int(n)
		}
		f, err := v.Float64()
		if err != nil {
			return types.NewErr("%q is not a number", v.String())
		}
		return types.Double(f)
	}
	return types.DefaultTypeAdapter.NativeToValue(value)
}

// object is a JSON object inside the claims. It answers to field names, but not to
// `in` and exists: CEL would look through its keys, and {"admin": false} where a
// list was expected must not make anyone an admin. Whoever means the keys says
// keys(claims.roles).
type object struct{ traits.Mapper }

const objectNotList = "an object is not a list; for the names in it write keys(…)"

func (o *object) Contains(ref.Val) ref.Val { return types.NewErr(objectNotList) }
func (o *object) Fold(f traits.Folder) {
	f.FoldEntry(types.NewErr(objectNotList), types.NewErr(objectNotList))
}
func (o *object) Iterator() traits.Iterator { return &noNames{} }

// noNames is an iterator whose only element is the error.
type noNames struct {
	traits.Iterator
	done bool
}

func (n *noNames) HasNext() ref.Val { return types.Bool(!n.done) }
func (n *noNames) Next() ref.Val    { n.done = true; return types.NewErr(objectNotList) }

func keys(m ref.Val) ref.Val {
	if o, ok := m.(*object); ok {
		m = o.Mapper
	}
	mapper, ok := m.(traits.Mapper)
	if !ok {
		return types.MaybeNoSuchOverloadErr(m)
	}
	var names []string
	for it := mapper.Iterator(); it.HasNext() == types.True; {
		name, ok := it.Next().(types.String)
		if !ok {
			return types.NewErr("an object with names that are not text")
		}
		names = append(names, string(name))
	}
	slices.Sort(names)
	return types.NewStringList(jsonAdapter{}, names)
}

func split(text, separator ref.Val) ref.Val {
	t, ok1 := text.(types.String)
	s, ok2 := separator.(types.String)
	if !ok1 || !ok2 {
		return types.MaybeNoSuchOverloadErr(text)
	}
	pieces := strings.SplitN(string(t), string(s), maxPieces+1)
	if len(pieces) > maxPieces {
		return types.NewErr("split gives more than %d pieces", maxPieces)
	}
	return types.NewStringList(jsonAdapter{}, pieces)
}

// native turns the value of a claim expression into plain JSON material that
// shares nothing with the upstream claims.
func native(v ref.Val, depth int) (any, error) {
	if depth > 8 {
		return nil, fmt.Errorf("its value is nested more than 8 deep")
	}
	switch v := v.(type) {
	case types.Bool:
		return bool(v), nil
	case types.String:
		return string(v), nil
	case types.Int:
		return int64(v), nil
	case types.Uint:
		return uint64(v), nil
	case types.Double:
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return nil, fmt.Errorf("its value is not a finite number")
		}
		return float64(v), nil
	case types.Null:
		return nil, nil
	case *types.Optional:
		if !v.HasValue() {
			return nil, errNoValue
		}
		return native(v.GetValue(), depth)
	case *object:
		return native(v.Mapper, depth)
	case traits.Lister:
		out := []any{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			e, err := native(it.Next(), depth+1)
			if err != nil {
				return nil, err
			}
			out = append(out, e)
		}
		return out, nil
	case traits.Mapper:
		out := map[string]any{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			k := it.Next()
			name, ok := k.(types.String)
			if !ok {
				return nil, fmt.Errorf("its value has names that are not text")
			}
			e, err := native(v.Get(k), depth+1)
			if err != nil {
				return nil, err
			}
			out[string(name)] = e
		}
		return out, nil
	}
	return nil, fmt.Errorf("its value is a %s, which a token cannot carry", v.Type().TypeName())
}

// errNoValue means that an optional expression (claims.?department) came to
// nothing: the claim is left out, and that is no error.
var errNoValue = fmt.Errorf("no value")
