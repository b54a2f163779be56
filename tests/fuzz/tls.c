/* SPDX-License-Identifier: Apache-2.0 */
/* TLS over memory with a server: bytes come through whatever they are cut into, and whatever comes between.
 */
#include "input.h"

#include <errno.h>

#include "error.h"
#include "tls.h"

#define IN_SIZE 65536

static struct weir__tls tls;
static struct weir__fifo out;
static SSL *server;
static uint64_t there, back; /* bytes that arrived */
static uint64_t said;        /* by the server */

static SSL_CTX *make_context(void)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	X509 *certificate = X509_new();
	EVP_PKEY *key = EVP_EC_gen("P-256");

	require(context && certificate && key);
	X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_set_pubkey(certificate, key);
	require(X509_sign(certificate, key, EVP_sha256()) > 0);
	require(SSL_CTX_use_certificate(context, certificate) == 1);
	require(SSL_CTX_use_PrivateKey(context, key) == 1);
	X509_free(certificate);
	EVP_PKEY_free(key);
	return context;
}

static void carry_there(void)
{
	const size_t n = weir__fifo_used(&out);

	if (n)
		require(BIO_write(SSL_get_rbio(server), weir__fifo_front(&out), (int)n) == (int)n);
	weir__fifo_take(&out, n);
}

static int carry_back(size_t most)
{
	uint8_t *room = weir__fifo_room(&tls.in, most);
	const int n = room ? BIO_read(SSL_get_wbio(server), room, (int)most) : 0;

	if (n > 0)
		weir__fifo_put(&tls.in, (size_t)n);
	return n;
}

static void begin(size_t cut)
{
	static SSL_CTX *context;
	struct weir_error err;
	int rc = -EAGAIN;

	if (!context)
		context = make_context();
	there = back = said = 0;
	weir__error_clear(&err);
	require(weir__tls_open(&tls, &(struct weir_tls){ .any = true }, "x", IN_SIZE, &err) == 0);
	require(weir__fifo_init(&out, weir__tls_room(IN_SIZE)));
	server = SSL_new(context);
	SSL_set_bio(server, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	SSL_set_accept_state(server);
	while (rc == -EAGAIN) {
		rc = weir__tls_handshake(&tls, &err);
		weir__tls_reply(&tls, &out);
		carry_there();
		SSL_do_handshake(server);
		require(rc == 0 || carry_back(cut) > 0);
	}
	require(rc == 0);
}

static void end(void)
{
	SSL_free(server);
	weir__tls_close(&tls);
	free(out.bytes);
}

static void fill(uint8_t *bytes, size_t n, uint64_t from)
{
	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)((from + i) * 7 + (from + i) / 256);
}

static void check(const uint8_t *bytes, size_t n, uint64_t from)
{
	for (size_t i = 0; i < n; i++)
		require(bytes[i] == (uint8_t)((from + i) * 7 + (from + i) / 256));
}

static uint8_t memory[IN_SIZE];

static void say_back(size_t n)
{
	if (!n)
		return;
	fill(memory, n, said);
	require(SSL_write(server, memory, (int)n) == (int)n);
	said += n;
}

/* Returns false if that was the end. */
static bool read_all(bool forged)
{
	ssize_t n;

	while ((n = weir__tls_read(&tls, memory, WEIR__TLS_RECORD)) > 0) {
		check(memory, (size_t)n, back);
		back += (size_t)n;
	}
	require(n == -EAGAIN || forged);
	require(n == -EAGAIN || n == -EBADMSG || n == -ENODATA);
	return n == -EAGAIN;
}

static void say_there(size_t n)
{
	size_t got;

	if (!n)
		return;
	fill(memory, n, there);
	require(weir__tls_write(&tls, &out, memory, n) == 0);
	carry_there();
	while (SSL_read_ex(server, memory, sizeof(memory), &got)) {
		check(memory, got, there);
		there += got;
		n -= got;
	}
	require(n == 0);
}

static void forge(struct input *input, size_t n)
{
	uint8_t *room = weir__fifo_room(&tls.in, n);

	for (size_t i = 0; room && i < n; i++)
		room[i] = input_byte(input);
	if (room)
		weir__fifo_put(&tls.in, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct input input = { bytes, size };
	bool forged = false, goes = true;

	begin(1 + input_number(&input, 2) % 4000);
	for (unsigned updates = 0; goes && input.size;) {
		const uint8_t deed = input_byte(&input);
		const size_t n = (size_t)input_number(&input, 2);

		switch (deed % 5) {
		case 0:
			say_back(n % 40000);
			break;
		case 1:
			carry_back(1 + n % 20000);
			goes = read_all(forged);
			break;
		case 2:
			say_there(n % 40000);
			break;
		case 3: /* too many are the end: that is a test of its own */
			if (updates++ < 32)
				require(SSL_key_update(server, SSL_KEY_UPDATE_REQUESTED) &&
					SSL_do_handshake(server) == 1);
			break;
		case 4:
			forge(&input, n % 64);
			forged = true;
			break;
		}
	}
	while (!forged && carry_back(sizeof(memory) / 2) > 0)
		read_all(false);
	require(forged || back == said);
	end();
	return 0;
}
