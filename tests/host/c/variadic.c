/* The variadic functions of the parameter and message suites.
 *
 * Each asks Rust what the parameter holds, takes that many arguments off its va_list, and hands them back as arrays:
 * no decision is made here. A handle that Rust does not know takes nothing off the list. */

#include <stdarg.h>
#include <stdio.h>

enum { AT_MOST = 4, INTEGERS = 1, DOUBLES = 2, TEXT = 3 };

struct shape {
  int status; /* anything but 0 is the answer */
  int holds;  /* INTEGERS, DOUBLES, TEXT, or 0 for a parameter without a value */
  int count;  /* how many of them, at most AT_MOST */
};

/* How the value is asked for. */
enum { NOW = 0, AT_TIME = 1, DERIVATIVE = 2, INTEGRAL = 3 };

struct shape test_host_param_shape(void *param, int asked, int writes);
int test_host_param_read(void *param, int asked, double from, double to, void **out);
int test_host_param_write(void *param, int asked, double time, const int *integers, const double *doubles, const char *text);
int test_host_message(void *handle, const char *kind, const char *id, const char *format, const char *text, int persistent);

static int read_value(void *param, int asked, double from, double to, va_list list) {
  struct shape shape = test_host_param_shape(param, asked, 0);
  void *out[AT_MOST] = {0};
  if (shape.status != 0) return shape.status;
  for (int i = 0; i < shape.count; i++) out[i] = va_arg(list, void *);
  return test_host_param_read(param, asked, from, to, out);
}

static int write_value(void *param, int asked, double time, va_list list) {
  struct shape shape = test_host_param_shape(param, asked, 1);
  int integers[AT_MOST] = {0};
  double doubles[AT_MOST] = {0};
  const char *text = NULL;
  if (shape.status != 0) return shape.status;
  for (int i = 0; i < shape.count; i++) {
    if (shape.holds == INTEGERS) integers[i] = va_arg(list, int);
    if (shape.holds == DOUBLES) doubles[i] = va_arg(list, double);
    if (shape.holds == TEXT) text = va_arg(list, const char *);
  }
  return test_host_param_write(param, asked, time, integers, doubles, text);
}

int test_host_param_get_value(void *param, ...) {
  va_list list;
  va_start(list, param);
  int status = read_value(param, NOW, 0, 0, list);
  va_end(list);
  return status;
}

int test_host_param_get_value_at_time(void *param, double time, ...) {
  va_list list;
  va_start(list, time);
  int status = read_value(param, AT_TIME, time, time, list);
  va_end(list);
  return status;
}

int test_host_param_get_derivative(void *param, double time, ...) {
  va_list list;
  va_start(list, time);
  int status = read_value(param, DERIVATIVE, time, time, list);
  va_end(list);
  return status;
}

int test_host_param_get_integral(void *param, double from, double to, ...) {
  va_list list;
  va_start(list, to);
  int status = read_value(param, INTEGRAL, from, to, list);
  va_end(list);
  return status;
}

int test_host_param_set_value(void *param, ...) {
  va_list list;
  va_start(list, param);
  int status = write_value(param, NOW, 0, list);
  va_end(list);
  return status;
}

int test_host_param_set_value_at_time(void *param, double time, ...) {
  va_list list;
  va_start(list, time);
  int status = write_value(param, AT_TIME, time, list);
  va_end(list);
  return status;
}

static int message(void *handle, const char *kind, const char *id, const char *format, va_list list, int persistent) {
  char text[4096] = "";
  if (format != NULL) vsnprintf(text, sizeof text, format, list);
  return test_host_message(handle, kind, id, format, text, persistent);
}

int test_host_message_show(void *handle, const char *kind, const char *id, const char *format, ...) {
  va_list list;
  va_start(list, format);
  int status = message(handle, kind, id, format, list, 0);
  va_end(list);
  return status;
}

int test_host_message_persist(void *handle, const char *kind, const char *id, const char *format, ...) {
  va_list list;
  va_start(list, format);
  int status = message(handle, kind, id, format, list, 1);
  va_end(list);
  return status;
}
