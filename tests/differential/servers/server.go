// What Go's standard library reads from a request.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
)

type known struct {
	EncodedOAuthRefreshToken any `json:"encodedOAuthRefreshToken"`
	TokenKey                 any `json:"tokenKey"`
}

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {})
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		read := [][3]any{{"path", "", r.URL.Path}}
		add := func(place string, all map[string][]string) {
			for name, values := range all {
				read = append(read, [3]any{place, strings.ToLower(name), values})
			}
		}
		body, _ := io.ReadAll(r.Body)
		again := func() { r.Body = io.NopCloser(strings.NewReader(string(body))) }
		again()
		r.ParseForm()
		add("query", r.URL.Query())
		add("form", r.PostForm)
		again()
		if r.ParseMultipartForm(1<<20) == nil {
			add("form", r.MultipartForm.Value)
		}
		// A decoder takes the first document, and names of members in any case.
		var document known
		if json.NewDecoder(strings.NewReader(string(body))).Decode(&document) == nil {
			read = append(read, [3]any{"json", "encodedOAuthRefreshToken", document.EncodedOAuthRefreshToken})
			read = append(read, [3]any{"json", "tokenKey", document.TokenKey})
		}
		var anything any
		if json.Unmarshal(body, &anything) == nil {
			read = append(read, [3]any{"json", "", anything})
		}
		for _, cookie := range r.Cookies() {
			read = append(read, [3]any{"cookie", cookie.Name, cookie.Value})
		}
		if user, password, ok := r.BasicAuth(); ok {
			read = append(read, [3]any{"header", "authorization", user + ":" + password})
		}
		add("header", r.Header)
		json.NewEncoder(w).Encode(read)
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	http.Serve(listener, handler)
}
