package engine

import (
	"reflect"
	"time"
)

func newOf(v any) any { return reflect.New(reflect.TypeOf(v)).Interface() }
func deref(p any) any { return reflect.ValueOf(p).Elem().Interface() }
func sameTime(a, b any) bool {
	x, ok := a.(time.Time)
	y, ok2 := b.(time.Time)
	return ok && ok2 && x.Equal(y)
}
