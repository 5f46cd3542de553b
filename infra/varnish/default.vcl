vcl 4.1;

# Varnish (6.0 or newer) before the front ends ("vend serve"), by the same rules as infra/nginx: what never changes is kept
# for as long as the front end says, what is replaced is asked for each time, absence is not remembered, and private/ is
# not there. Name the front ends here; with TLS in front of Varnish, start them with VEND_BEHIND_TLS=yes.

import directors;
import std;

probe ready {
    .url = "/readyz";
    .interval = 2s;
    .timeout = 2s;
    .window = 4;
    .threshold = 2;
    .initial = 2;
}

backend front_end_1 {
    .host = "127.0.0.1";
    .port = "8081";
    .probe = ready;
    .connect_timeout = 2s;
    .first_byte_timeout = 60s;
    .between_bytes_timeout = 30s;
}

backend front_end_2 {
    .host = "127.0.0.1";
    .port = "8082";
    .probe = ready;
    .connect_timeout = 2s;
    .first_byte_timeout = 60s;
    .between_bytes_timeout = 30s;
}

backend front_end_3 {
    .host = "127.0.0.1";
    .port = "8083";
    .probe = ready;
    .connect_timeout = 2s;
    .first_byte_timeout = 60s;
    .between_bytes_timeout = 30s;
}

sub vcl_init {
    new front_ends = directors.round_robin();
    front_ends.add_backend(front_end_1);
    front_ends.add_backend(front_end_2);
    front_ends.add_backend(front_end_3);
}

sub vcl_recv {
    set req.backend_hint = front_ends.backend();

    if (req.url ~ "^/private(/|$|\?)") {
        return (synth(404));
    }
    # Publishing, jobs and what is said of the repository: passed on as they come.
    if (req.url ~ "^/v1(/|$)" || req.url ~ "^/(healthz|readyz)") {
        return (pass);
    }
    # Who asks HEAD wants to know whether something is there, publishers among them, and is told by the store.
    if (req.method != "GET") {
        return (pass);
    }
    # What is replaced, never out of the cache and never out of date.
    if (req.url == "/tuf/metadata/timestamp.json" || req.url == "/log/checkpoint") {
        return (pass);
    }
    # What could make two of one object. Front ends look at neither.
    unset req.http.Cookie;
    unset req.http.Authorization;
    unset req.http.Accept-Encoding;
    return (hash);
}

sub vcl_hash {
    # Host and scheme are of no account: a path is a key.
    hash_data(req.url);
    return (lookup);
}

sub vcl_backend_response {
    if (beresp.status == 200 && beresp.http.Cache-Control ~ "immutable") {
        # While no front end answers, what is kept is still right.
        set beresp.grace = 7d;
    } else {
        set beresp.grace = 0s;
        set beresp.keep = 0s;
    }
    if (beresp.http.Cache-Control ~ "no-store") {
        # Not kept, and asked for by each on his own: nobody waits for another's absence.
        set beresp.uncacheable = true;
        set beresp.ttl = 1s;
        return (deliver);
    }
    # What would push out too much else.
    if (std.integer(beresp.http.Content-Length, 0) > 1073741824) {
        set beresp.uncacheable = true;
        set beresp.ttl = 120s;
    }
}

sub vcl_deliver {
    if (obj.hits > 0) {
        set resp.http.X-Cache = "HIT";
    } else {
        set resp.http.X-Cache = "MISS";
    }
    unset resp.http.Via;
    unset resp.http.X-Varnish;
}

sub vcl_synth {
    if (resp.status == 404) {
        set resp.http.Content-Type = "application/problem+json; charset=utf-8";
        set resp.http.Cache-Control = "no-store";
        synthetic({"{"type":"urn:vend:problem:ROUTE_UNKNOWN","title":"There is nothing of that name here","status":404,"code":"ROUTE_UNKNOWN" }"});
        return (deliver);
    }
}

sub vcl_backend_error {
    set beresp.http.Cache-Control = "no-store";
    set beresp.http.Retry-After = "5";
}
