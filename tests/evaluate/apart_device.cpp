// A device of torch that is no processor: its memory is the host's, its kernels are the processor's.
//
// A tensor on it is where a GPU's would be for everything above the kernels. An operation that mixes its tensors
// with those of the processor raises, copies between the two are counted, and so are operations.

#include <ATen/ATen.h>
#include <ATen/EmptyTensor.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <ATen/native/CPUFallback.h>
#include <ATen/native/Resize.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <c10/core/impl/alloc_cpu.h>
#include <torch/library.h>

#include <atomic>
#include <map>
#include <mutex>

namespace {

constexpr auto kDevice = c10::DeviceType::PrivateUse1;

std::atomic<int64_t> launches{0}, to_device{0}, to_host{0}, fetched{0}, held{0}, most_held{0}, limit{0};
std::mutex names_lock;
std::map<std::string, int64_t> names;
// What a kernel's stand-in copies is no traffic of the program.
thread_local int inside = 0;

struct Inside {
  Inside() { ++inside; }
  ~Inside() { --inside; }
};

void launched(const std::string& name) {
  if (inside) return;
  ++launches;
  std::lock_guard<std::mutex> guard(names_lock);
  ++names[name];
}

// Memory, with a limit that can be set: beyond it, what a GPU raises is raised.

void release(void* address) {
  auto* block = static_cast<char*>(address) - 64;
  held -= *reinterpret_cast<int64_t*>(block);
  c10::free_cpu(block);
}

struct Memory final : c10::Allocator {
  c10::DataPtr allocate(size_t bytes) override {
    const auto size = static_cast<int64_t>(bytes);
    if (limit && !inside && held + size > limit) {
      TORCH_CHECK_WITH(OutOfMemoryError, false, "out of memory: ", size, " bytes asked for beside ", held);
    }
    held += size;
    if (held > most_held) most_held = held.load();
    auto* block = static_cast<char*>(c10::alloc_cpu(bytes + 64));
    *reinterpret_cast<int64_t*>(block) = size;
    return {block + 64, block + 64, &release, c10::Device(kDevice, 0)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, size_t bytes) const override { default_copy_data(to, from, bytes); }
};

Memory memory;
REGISTER_ALLOCATOR(kDevice, &memory);

// One device, one stream, nothing asynchronous.

struct Guard final : c10::impl::DeviceGuardImplInterface {
  c10::DeviceType type() const override { return kDevice; }
  c10::Device exchangeDevice(c10::Device) const override { return getDevice(); }
  c10::Device getDevice() const override { return c10::Device(kDevice, 0); }
  void setDevice(c10::Device) const override {}
  void uncheckedSetDevice(c10::Device) const noexcept override {}
  c10::Stream getStream(c10::Device) const override { return c10::Stream(c10::Stream::DEFAULT, getDevice()); }
  c10::Stream getDefaultStream(c10::Device device) const override { return getStream(device); }
  c10::Stream exchangeStream(c10::Stream) const override { return getStream(getDevice()); }
  c10::DeviceIndex deviceCount() const noexcept override { return 1; }
  void record(void**, const c10::Stream&, const c10::DeviceIndex, const c10::EventFlag) const override {}
  void block(void*, const c10::Stream&) const override {}
  bool queryEvent(void*) const override { return true; }
  bool queryStream(const c10::Stream&) const override { return true; }
  void synchronizeStream(const c10::Stream&) const override {}
  void synchronizeDevice(const c10::DeviceIndex) const override {}
};

C10_REGISTER_GUARD_IMPL(PrivateUse1, Guard);

struct Hooks final : at::PrivateUse1HooksInterface {
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
  c10::DeviceIndex deviceCount() const override { return 1; }
  c10::DeviceIndex getCurrentDevice() const override { return 0; }
  void setCurrentDevice(c10::DeviceIndex) const override {}
  c10::DeviceIndex exchangeDevice(c10::DeviceIndex) const override { return 0; }
  c10::DeviceIndex maybeExchangeDevice(c10::DeviceIndex) const override { return 0; }
};

Hooks hooks;
const bool registered = (at::RegisterPrivateUse1HooksInterface(&hooks), true);

// Tensors and views, which compute nothing.

const c10::DispatchKeySet keys{c10::DispatchKey::PrivateUse1};

at::Tensor empty(
    at::IntArrayRef size, std::optional<at::ScalarType> dtype, std::optional<at::Layout>,
    std::optional<at::Device>, std::optional<bool>, std::optional<at::MemoryFormat> format) {
  return at::detail::empty_generic(size, &memory, keys, c10::dtype_or_default(dtype), format);
}

at::Tensor empty_strided(
    at::IntArrayRef size, at::IntArrayRef stride, std::optional<at::ScalarType> dtype, std::optional<at::Layout>,
    std::optional<at::Device>, std::optional<bool>) {
  return at::detail::empty_strided_generic(size, stride, &memory, keys, c10::dtype_or_default(dtype));
}

// The processor's view of a tensor's memory.
at::Tensor on_host(const at::Tensor& tensor) {
  if (tensor.is_cpu()) return tensor;
  return at::from_blob(
      tensor.data_ptr(), tensor.sizes(), tensor.strides(), [tensor](void*) {},
      tensor.options().device(at::kCPU));
}

at::Tensor copy_from(const at::Tensor& from, const at::Tensor& to, bool) {
  if (!inside) {
    if (from.is_cpu()) ++to_device;
    else if (to.is_cpu()) ++to_host;
    else launched("copy");
  }
  on_host(to).copy_(on_host(from));
  return to;
}

at::Tensor copy_from_and_resize(const at::Tensor& from, const at::Tensor& to) {
  at::native::resize_(to, from.sizes(), std::nullopt);
  return copy_from(from, to, false);
}

at::Scalar local_scalar(const at::Tensor& tensor) {
  if (!inside) ++fetched;
  return at::_local_scalar_dense(on_host(tensor));
}

at::Tensor convolution(
    const at::Tensor& input, const at::Tensor& weight, const std::optional<at::Tensor>& bias, at::IntArrayRef stride,
    at::IntArrayRef padding, at::IntArrayRef dilation, bool transposed, at::IntArrayRef output_padding,
    int64_t groups) {
  TORCH_CHECK(!weight.is_cpu() && !input.is_cpu(), "convolution: tensors on different devices");
  launched("aten::convolution");
  Inside guard;
  std::optional<at::Tensor> host_bias;
  if (bias && bias->defined()) host_bias = on_host(*bias);
  return at::convolution(
             on_host(input), on_host(weight), host_bias, stride, padding, dilation, transposed, output_padding, groups)
      .to(input.device());
}

int64_t no_fused_attention(
    const at::Tensor&, const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&, double, bool,
    std::optional<double>, bool) {
  return 0;
}

// Everything else: the processor's kernel, once it is certain that all tensors are here.

bool of_processor(const at::Tensor& tensor) { return tensor.defined() && tensor.is_cpu() && tensor.dim() > 0; }

bool mixed(const c10::IValue& value) {
  if (value.isTensor()) return of_processor(value.toTensor());
  if (value.isTensorList()) {
    for (const auto& tensor : value.toTensorVector()) if (of_processor(tensor)) return true;
  } else if (value.isOptionalTensorList()) {
    for (const std::optional<at::Tensor>& tensor : value.toOptionalTensorList())
      if (tensor && of_processor(*tensor)) return true;
  }
  return false;
}

void fallback(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  const auto name = c10::toString(op.schema().operator_name());
  for (const auto& argument : torch::jit::last(*stack, op.schema().arguments().size()))
    TORCH_CHECK(!mixed(argument), name, ": tensors of the processor and of the device apart");
  launched(name);
  Inside guard;
  at::native::cpu_fallback(op, stack);
}

std::vector<int64_t> counts() {
  return {launches, to_device, to_host, fetched, held, most_held};
}

std::string launched_names() {
  std::lock_guard<std::mutex> guard(names_lock);
  std::string found;
  for (const auto& [name, count] : names) found += name + " " + std::to_string(count) + "\n";
  return found;
}

void reset() {
  launches = to_device = to_host = fetched = 0;
  most_held = held.load();
  std::lock_guard<std::mutex> guard(names_lock);
  names.clear();
}

void set_limit(int64_t bytes) { limit = bytes; }

}  // namespace

TORCH_LIBRARY_IMPL(_, PrivateUse1, m) { m.fallback(torch::CppFunction::makeFromBoxedFunction<&fallback>()); }

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  m.impl("empty.memory_format", empty);
  m.impl("empty_strided", empty_strided);
  m.impl("_copy_from", copy_from);
  m.impl("_copy_from_and_resize", copy_from_and_resize);
  m.impl("_local_scalar_dense", local_scalar);
  m.impl("as_strided", at::native::as_strided_tensorimpl);
  m.impl("view", at::native::view);
  m.impl("_reshape_alias", at::native::_reshape_alias);
  m.impl("unfold", at::native::unfold);
  m.impl("view_as_real", at::native::view_as_real);
  m.impl("view_as_complex", at::native::view_as_complex);
  m.impl("resize_", at::native::resize_);
  m.impl("set_.source_Storage_storage_offset", at::native::set_storage_cpu_);
  m.impl("set_.source_Storage", at::native::set_);
  m.impl("set_.source_Tensor", at::native::set_tensor_);
  m.impl("set_", at::native::set_cpu_);
  m.impl("convolution_overrideable", convolution);
  m.impl("_fused_sdp_choice", no_fused_attention);
}

TORCH_LIBRARY(apart, m) {
  m.def("counts() -> int[]", counts);
  m.def("names() -> str", launched_names);
  m.def("reset() -> ()", reset);
  m.def("limit(int bytes) -> ()", set_limit);
}
