// probe is both ends of the smoke test: a server that says who asked, and the one who asks.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

const timeout = 3 * time.Second

const usage = `usage:
  probe serve [--port 8080]   answer every request with {"host", "client", "node"}
  probe get URL...            print what each URL answers
  probe resolve NAME...       print the addresses of each name`

func main() {
	if len(os.Args) < 2 {
		fail(usage)
	}
	words := os.Args[2:]
	switch os.Args[1] {
	case "serve":
		serve(words)
	case "get":
		each(words, get)
	case "resolve":
		each(words, resolve)
	default:
		fail(usage)
	}
}

func serve(words []string) {
	flags := flag.NewFlagSet("serve", flag.ExitOnError)
	port := flags.Int("port", 8080, "TCP port")
	flags.Parse(words)
	host, _ := os.Hostname()
	server := &http.Server{
		Addr:              fmt.Sprintf(":%d", *port),
		ReadHeaderTimeout: timeout,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			client, _, _ := net.SplitHostPort(r.RemoteAddr)
			w.Header().Set("Content-Type", "application/json")
			json.NewEncoder(w).Encode(map[string]string{
				"host": host, "client": client, "node": os.Getenv("NODE_NAME"),
			})
		}),
	}
	go func() {
		ended := make(chan os.Signal, 1)
		signal.Notify(ended, syscall.SIGINT, syscall.SIGTERM)
		<-ended
		server.Close()
	}()
	log.Printf("serving on %s", server.Addr)
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		fail(err)
	}
}

func get(url string) (string, error) {
	client := &http.Client{Timeout: timeout}
	answer, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", url, answer.Status)
	}
	return strings.TrimSpace(string(body)), err
}

func resolve(name string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupHost(ctx, name)
	return strings.Join(addresses, " "), err
}

func each(words []string, do func(string) (string, error)) {
	if len(words) == 0 {
		fail(usage)
	}
	for _, word := range words {
		answer, err := do(word)
		if err != nil {
			fail(err)
		}
		fmt.Println(answer)
	}
}

func fail(why any) {
	fmt.Fprintln(os.Stderr, why)
	os.Exit(1)
}
