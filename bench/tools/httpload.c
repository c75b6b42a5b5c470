/* httpload.c - HTTP/1.1 load client (epoll, one thread) for short answers.
 *
 *   httpload PORT CONNECTIONS SECONDS METHOD PATH BODY STATUS SUM [HEADER...]
 *
 * Keeps CONNECTIONS connections busy for SECONDS: each sends its request, reads the whole answer
 * (Content-Length or chunked) and sends the next one. Answers under way at the end are read, too
 * (for up to 10 s), so that nothing is left behind; they do not count for the rate.
 * STATUS is what every answer must have. SUM is the name of an integer in the answer's body, such as
 * total_msats, that is added up over all answers, the late ones included; "-" adds up nothing.
 * A HEADER "Bearers: K1 K2 ..." is not sent: connections take turns at these keys (Authorization).
 * Prints one line: RESULT {json}.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CAP 1048576
#define DRAIN_NS 10000000000ull
typedef struct { int fd, len, busy, reqlen; uint64_t t0; char *buf, *req; } Conn;

static int port, ep, want_status, stopping, busy_n;
static char *sum_key; static int sum_len;
static uint64_t t_end;
static long requests, all, bad_status, errors, summed; static double bytes;
static float *lat; static size_t nlat, clat;

static uint64_t now_ns(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1000000000ull + t.tv_nsec; }
static void keep(double v) {
  if (nlat == clat) { clat = clat ? clat * 2 : 65536; lat = realloc(lat, clat * sizeof(float)); }
  lat[nlat++] = v;
}
static int cmp(const void *a, const void *b) { float x = *(float *)a, y = *(float *)b; return x < y ? -1 : x > y; }
static double pct(double p) { return nlat ? lat[(size_t)((nlat - 1) * p)] : -1; }

static int dial(Conn *c) {
  int one = 1; struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  c->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(c->fd, (void *)&a, sizeof a)) { errors++; close(c->fd); c->fd = -1; return -1; }
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
  epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e);
  return 0;
}
static void ask(Conn *c) {
  c->len = 0; c->t0 = now_ns(); c->busy = 1; busy_n++;
  if (send(c->fd, c->req, c->reqlen, MSG_NOSIGNAL) != c->reqlen) errors++;
}
/* the connection is gone: once more, unless it is over */
static void again(Conn *c) {
  if (c->busy) { c->busy = 0; busy_n--; }
  close(c->fd); c->fd = -1;
  if (!stopping && errors < 1000 && !dial(c)) ask(c);
}
static const char *header(const char *h, int n, const char *name) {
  int l = strlen(name);
  for (const char *p = memchr(h, '\n', n); p; p = memchr(p, '\n', h + n - p)) {
    p++; if (h + n - p > l && !strncasecmp(p, name, l) && p[l] == ':') return p + l + 1;
  }
  return NULL;
}
/* length of the whole answer in the buffer, 0 while it is not there yet */
static int whole(Conn *c, int *head) {
  char *e = memmem(c->buf, c->len, "\r\n\r\n", 4);
  if (!e) return 0;
  *head = e - c->buf + 4;
  const char *p = header(c->buf, *head, "content-length");
  if (p) { int total = *head + atoi(p); return c->len >= total ? total : 0; }
  if (!header(c->buf, *head, "transfer-encoding")) return *head;
  char *at = c->buf + *head, *end = c->buf + c->len;
  for (;;) {
    char *nl = memchr(at, '\n', end - at);
    if (!nl) return 0;
    long size = strtol(at, NULL, 16);
    if (nl + 1 + size + 2 > end) return 0;
    at = nl + 1 + size + 2;
    if (size == 0) return at - c->buf;
  }
}
static void finish(Conn *c, int head, int total) {
  uint64_t now = now_ns();
  c->busy = 0; busy_n--;
  if (atoi(c->buf + 9) != want_status) {
    if (bad_status++ == 0) fprintf(stderr, "%.*s\n", total > 600 ? 600 : total, c->buf);
  } else {
    all++;
    if (sum_key) {
      char *p = memmem(c->buf + head, total - head, sum_key, sum_len);
      if (p) summed += atol(p + sum_len);
    }
    if (now <= t_end) { requests++; bytes += total; keep((now - c->t0) / 1e6); }
  }
  const char *p = header(c->buf, head, "connection");
  if (p && !strncasecmp(p + strspn(p, " "), "close", 5)) again(c);
  else if (!stopping) ask(c);
}
static void on_data(Conn *c) {
  ssize_t r = recv(c->fd, c->buf + c->len, CAP - c->len, MSG_DONTWAIT);
  if (r < 0 && errno == EAGAIN) return;
  if (r <= 0) { if (c->busy) errors++; again(c); return; }
  c->len += r;
  int head = 0, total = whole(c, &head);
  if (total) finish(c, head, total);
  else if (c->len == CAP) { errors++; again(c); }
}
int main(int argc, char **argv) {
  if (argc < 9) { fprintf(stderr, "usage: httpload PORT CONNECTIONS SECONDS METHOD PATH BODY STATUS SUM [HEADER...]\n"); return 2; }
  port = atoi(argv[1]); int conns = atoi(argv[2]); double secs = atof(argv[3]);
  want_status = atoi(argv[7]);
  if (strcmp(argv[8], "-")) sum_len = asprintf(&sum_key, "\"%s\":", argv[8]);
  char *headers = calloc(1, 65536);
  char *bearers = NULL, *next = NULL;
  for (int i = 9; i < argc; i++) {
    if (!strncmp(argv[i], "Bearers: ", 9)) { bearers = argv[i] + 9; continue; }
    strncat(headers, argv[i], 8000); strcat(headers, "\r\n");
  }
  size_t n = strlen(argv[6]); char length[96] = "";
  if (n) snprintf(length, sizeof length, "Content-Type: application/json\r\nContent-Length: %zu\r\n", n);
  ep = epoll_create1(0);
  Conn *cs = calloc(conns, sizeof *cs);
  uint64_t begun = now_ns(); t_end = begun + (uint64_t)(secs * 1e9);
  for (int i = 0; i < conns; i++) {
    cs[i].buf = malloc(CAP);
    char key[512] = "";
    if (bearers) {
      if (!next || !*next) next = bearers;
      int many = strcspn(next, " ");
      snprintf(key, sizeof key, "Authorization: Bearer %.*s\r\n", many, next);
      next += many; next += *next == ' ';
    }
    cs[i].reqlen = asprintf(&cs[i].req, "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s%s%s\r\n%s",
                            argv[4], argv[5], port, headers, key, length, argv[6]);
    if (dial(&cs[i])) return 1;
    ask(&cs[i]);
  }
  static struct epoll_event ev[256];
  while (busy_n) {
    uint64_t now = now_ns();
    if (now > t_end) stopping = 1;
    if (now > t_end + DRAIN_NS) break;
    int got = epoll_wait(ep, ev, 256, 100);
    for (int i = 0; i < got; i++) { Conn *c = ev[i].data.ptr; if (c->fd >= 0) on_data(c); }
  }
  qsort(lat, nlat, sizeof(float), cmp);
  printf("RESULT {\"requests\":%ld,\"all\":%ld,\"rate\":%.1f,\"mb_s\":%.2f,\"p50_ms\":%.3f,\"p90_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f,"
         "\"bad_status\":%ld,\"errors\":%ld,\"unanswered\":%d,\"summed\":%ld}\n",
         requests, all, requests / secs, bytes / secs / 1e6, pct(.5), pct(.9), pct(.99), pct(1), bad_status, errors, busy_n, summed);
  return 0;
}
