/* SPDX-License-Identifier: Apache-2.0 */
#include "softether.h"

#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "address.h"
#include "namespace.h"
#include "wait.h"

#define PROGRAM "/usr/libexec/softether/vpnserver/vpnserver"
#define HOMES   "/run/weir"

/* What the server keeps in each of these is its own; the paths are compiled into it. */
static const char *const directories[][2] = {
	{ "lib", "/var/lib/softether" },
	{ "log", "/var/log/softether" },
	{ "run", "/run/softether" },
};

static void make_directory(const char *path)
{
	if (mkdir(path, 0755))
		fail_msg("mkdir %s: %s", path, strerror(errno));
}

void softether_enter(void)
{
	static const char *const hidden[] = { "/var/lib", "/var/log", "/run" };

	if (access(PROGRAM, X_OK))
		namespace_skip(PROGRAM);
	if (system("command -v vpncmd >/dev/null")) {
		errno = ENOENT;
		namespace_skip("vpncmd");
	}
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		namespace_skip("mount namespace");
	for (unsigned i = 0; i < countof(hidden); i++) {
		if (mount("weir", hidden[i], "tmpfs", 0, NULL))
			namespace_skip(hidden[i]);
		make_directory(directories[i][1]);
	}
	make_directory(HOMES);
}

static void run(const char *command)
{
	if (system(command))
		fail_msg("failed: %s", command);
}

static void make_home(struct softether *server)
{
	static unsigned n;
	char text[512];

	snprintf(server->home, sizeof(server->home), HOMES "/%u", n++);
	make_directory(server->home);
	for (unsigned i = 0; i < countof(directories); i++) {
		snprintf(text, sizeof(text), "%s/%s", server->home, directories[i][0]);
		make_directory(text);
	}
	snprintf(text, sizeof(text), "sed 's/@PORT@/%u/; s/@ADDRESS@/%s/' '%s' >%s/lib/vpn_server.config",
		 server->port, server->address, SOFTETHER_FILES "/seed.config", server->home);
	run(text);
}

static bool bind_directories(const struct softether *server)
{
	char text[96];

	if (unshare(CLONE_NEWNS))
		return false;
	for (unsigned i = 0; i < countof(directories); i++) {
		snprintf(text, sizeof(text), "%s/%s", server->home, directories[i][0]);
		if (mount(text, directories[i][1], NULL, MS_BIND, NULL))
			return false;
	}
	return true;
}

static bool redirect_output(const struct softether *server)
{
	char text[96];
	int fd;

	snprintf(text, sizeof(text), "%s/out", server->home);
	fd = open(text, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	return fd >= 0 && dup2(fd, STDOUT_FILENO) >= 0 && dup2(fd, STDERR_FILENO) >= 0;
}

static void launch(struct softether *server)
{
	server->pid = fork();
	assert_true(server->pid >= 0);
	if (server->pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	namespace_keep_capabilities(); /* for the devices of its bridges */
	if (server->site)
		site_enter(server->site);
	if (bind_directories(server) && redirect_output(server))
		execl(PROGRAM, PROGRAM, "start", "--foreground", NULL);
	perror(PROGRAM);
	_exit(127);
}

static int open_socket(const struct softether *server)
{
	if (server->site)
		return site_socket(server->site, AF_INET, SOCK_STREAM, 0);
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static bool listens(const struct softether *server)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(server->port) };
	int fd = open_socket(server);
	bool connected;

	assert_true(fd >= 0);
	assert_int_equal(inet_pton(AF_INET, server->address, &to.sin_addr), 1);
	connected = wait_connect(fd, &to, sizeof(to)) == 0;
	close(fd);
	if (!connected && waitpid(server->pid, NULL, WNOHANG) != 0)
		fail_msg("the server has ended; %s/out says why", server->home);
	return connected;
}

void softether_start(struct softether *server)
{
	const bool first = !server->home[0];
	char text[256];

	if (first)
		make_home(server);
	launch(server);
	wait_until(listens(server));
	if (first) {
		snprintf(text, sizeof(text), "/IN:%s", SOFTETHER_FILES "/setup.txt");
		softether_command(server, NULL, text, NULL, 0);
	}
}

static void end(struct softether *server, int signal)
{
	assert_int_equal(kill(server->pid, signal), 0);
	assert_int_equal(waitpid(server->pid, NULL, 0), server->pid);
	server->pid = 0;
}

void softether_stop(struct softether *server)
{
	end(server, SIGTERM);
}

void softether_kill(struct softether *server)
{
	end(server, SIGKILL);
}

/* Reads all of it, also what does not fit in out. */
static void read_all(FILE *pipe, char *out, size_t size)
{
	char rest[4096];
	size_t n = out ? fread(out, 1, size - 1, pipe) : 0;

	if (out)
		out[n] = '\0';
	while (fread(rest, 1, sizeof(rest), pipe) > 0)
		continue;
}

int softether_try(const struct softether *server, const char *hub, const char *command, char *out,
		  size_t size)
{
	char line[1024];
	FILE *pipe;
	int status;

	snprintf(line, sizeof(line),
		 "cd %s && exec vpncmd %s:%u /SERVER /PASSWORD:%s %s%s /CSV %s %s </dev/null 2>&1",
		 server->home, server->address, server->port, server->password ? server->password : "",
		 hub ? "/ADMINHUB:" : "", hub ? hub : "", command[0] == '/' ? "" : "/CMD", command);
	if (server->site)
		site_enter(server->site);
	pipe = popen(line, "re");
	if (server->site)
		site_leave();
	assert_non_null(pipe);
	read_all(pipe, out, size);
	status = pclose(pipe);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

void softether_command(const struct softether *server, const char *hub, const char *command, char *out,
		       size_t size)
{
	char said[8192];
	const int rc = softether_try(server, hub, command, out ? out : said, out ? size : sizeof(said));

	if (rc)
		fail_msg("vpncmd %s: error %d: %s", command, rc, out ? out : said);
}
